# SPDX-License-Identifier: MIT
"""Tables and means of figures."""
import math
import statistics
import sys


def print_table(title, header, rows):
    """Columns as wide as they need to be; numbers to the right."""
    cells = [header, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    print(f"\n{title}\n")
    for row in cells:
        first, *others = (f"{cell:>{width}}" for cell, width in zip(row, widths))
        print("  ".join([first.lstrip().ljust(widths[0]), *others]))
    sys.stdout.flush()


def progress(text):
    print(f"compare: {text}", file=sys.stderr, flush=True)


def median(values):
    return statistics.median(values)


def geometric_mean(values):
    return math.exp(statistics.fmean(math.log(v) for v in values))


def against(bar, values, least=True):
    """"2.61 in the geometric mean, 1.90 to 3.10; 10 of 12 at least 2"."""
    kept = [v for v in values if (v >= bar if least else v <= bar)]
    return (f"{geometric_mean(values):.2f} in the geometric mean, {min(values):.2f} to {max(values):.2f}; "
            f"{len(kept)} of {len(values)} at {'least' if least else 'most'} {bar}")
