# SPDX-License-Identifier: MIT
"""Whether the work units that MGE and Full-Multiscale save are seconds saved.

`telescope compare` trains with each strategy, validation and measurements left out, on pictures that rest in memory
from the start. Printed is how many times fewer WU and seconds it took than single scale with equal samples and
with the small batch, and their quotient: 1 where a work unit costs the same seconds on every mesh.
"""
import argparse
import json
import pathlib
import tempfile

from .noise import write_pictures
from .table import against, median, print_table, progress

BASELINES = ("single-scale", "single-scale-small")
STRATEGIES = (*BASELINES, "mge", "full-multiscale")

# What `telescope compare` is told.
SETTINGS = ("--model resnet --hidden 32 --size 64 --batch 4 --levels 4 --steps 80",
            "--model resnet --hidden 128 --size 128 --batch 4 --levels 4 --steps 8")
QUICK = ("--model resnet --hidden 8 --blocks 1 --size 16 --batch 1 --levels 2 --steps 2",)


def settings(text):
    if "--size" not in text.split()[:-1]:
        raise argparse.ArgumentTypeError(f"expected options with --size, got '{text}'")
    return text


def add_options(parser):
    parser.add_argument("--settings", type=settings, action="append", metavar="OPTIONS",
                        help="of telescope compare with --size, in one word; more than once for more (default: "
                        + "; ".join(SETTINGS) + ")")


def make_quick(options):
    options.settings = QUICK


def train(sides, options, strategies):
    """Steps, WU, seconds and peak memory of a run of each strategy."""
    words = options.split()
    with tempfile.TemporaryDirectory() as folder:
        out, pictures = pathlib.Path(folder) / "run", pathlib.Path(folder) / "pictures"
        pictures.mkdir()
        write_pictures(pictures, size=int(words[words.index("--size") + 1]))
        sides.ours("apps/telescope", "compare", *words, "--data", pictures, "--strategies", ",".join(strategies),
                   "--device", "cpu", "--measure-every", 0, "--validate-every", 1000000, "--validation-images", 1,
                   "--out", out)
        results = json.loads((out / "results.json").read_text())
    return {row["name"]: {name: row[name] for name in ("steps", "work_units", "seconds", "peak_memory_bytes")}
            for row in results["strategies"]}


def train_in_turn(sides, options, strategies):
    """The same, with the median of the seconds of some runs."""
    runs = [train(sides, options, strategies) for _ in range(sides.rounds)]
    for name, row in runs[0].items():
        row["runs"] = [run[name]["seconds"] for run in runs]
        row["seconds"] = median(row["runs"])
    return runs[0]


def promises(rows):
    """(strategy, baseline, how many times fewer WU, fewer seconds) of each strategy and baseline."""
    for name in STRATEGIES[len(BASELINES):]:
        for baseline in BASELINES:
            wu, seconds = (rows[baseline][what] / rows[name][what] for what in ("work_units", "seconds"))
            yield {"strategy": name, "baseline": baseline, "fewer_wu": wu, "faster": seconds, "kept": seconds / wu}


def measure(sides, options):
    cases = []
    for setting in options.settings or SETTINGS:
        progress(f"strategies: {setting}")
        rows = train_in_turn(sides, setting, STRATEGIES)
        cases.append({"settings": setting, "strategies": rows, "promises": list(promises(rows))})
    for case in cases:
        print_table(f"Strategies: {case['settings']}", ["strategy", "steps", "WU", "seconds", "ms/WU"], [
            [name, f"{row['steps']:.0f}", f"{row['work_units']:.1f}", f"{row['seconds']:.3f}",
             f"{1e3 * row['seconds'] / row['work_units']:.3f}"] for name, row in case["strategies"].items()])
        print_table("What the WU promise, and what the seconds keep",
                    ["strategy", "against", "fewer WU", "faster", "kept"],
                    [[p["strategy"], p["baseline"], f"{p['fewer_wu']:.2f}", f"{p['faster']:.2f}", f"{p['kept']:.2f}"]
                     for p in case["promises"]])
    print(f"kept: {against(0.9, [p['kept'] for case in cases for p in case['promises']])}")
    return {"cases": cases}
