# SPDX-License-Identifier: MIT
"""Convolutions, forward and with both gradients, beside PyTorch's and oneDNN called directly.

Beside PyTorch both sides are called as a network calls them: through autograd, results in new memory; its faster
layout counts. Beside oneDNN it is kernel by kernel, into memory that is there, oneDNN in layouts of its own
choice. Every result is verified first. GFLOP/s are those of the definition; Winograd does with fewer.
"""
import json
import pathlib
import tempfile

from .arguments import numbers
from .table import against, median, print_table, progress

# Images, their size, input and output channels, kernel.
SHAPES = [(8, 64, 128, 128, 3), (8, 128, 32, 32, 3), (8, 64, 64, 64, 3), (8, 128, 3, 32, 3), (8, 128, 3, 64, 5),
          (8, 32, 128, 128, 1), (32, 16, 128, 128, 3), (64, 8, 128, 128, 3), (1, 8, 128, 128, 3), (32, 16, 32, 32, 3)]
KERNELS = ("forward", "input_gradient", "weight_gradient")


def add_options(parser):
    parser.add_argument("--shapes", nargs="+", type=lambda text: numbers(text, 5), default=SHAPES,
                        metavar="N,SIZE,C,K,KERNEL", help="default: those of the networks")
    parser.add_argument("--seconds", type=float, default=0.15, help="of each measurement (default: %(default)s)")


def make_quick(options):
    options.shapes, options.seconds = [(1, 8, 16, 16, 3), (1, 8, 3, 8, 5)], 0.01


def benchmarks(sides, shape, whose, seconds, *others):
    """Seconds a call, by the first word of the benchmark's name."""
    out = sides.ours("bench/bench.conv2d", "--shape", ",".join(map(str, shape)), f"--benchmark_filter=/{whose}",
                     f"--benchmark_min_time={seconds}", "--benchmark_format=json", *others)
    found = {}
    for result in json.loads(out)["benchmarks"] if out else []:
        if result.get("error_occurred"):
            raise SystemExit(f"compare: {result['name']}: {result['error_message']}")
        found[result["name"].split("/")[0]] = result["real_time"] * 1e-6
    return found


def peer(sides, shape, data, seconds):
    """Seconds a call, in the faster of PyTorch's layouts."""
    if not sides.python:
        return {}
    layouts = sides.peer("convolution.py", "--data", data, "--padding", shape[4] // 2, "--seconds", seconds)
    return {name: min(layouts[layout][name] for layout in ("contiguous", "channels_last"))
            for name in ("forward", "forward_backward")}


def together(kernels):
    """Forward, and all three."""
    if not all(name in kernels for name in KERNELS):
        return {}
    return {"forward": kernels["forward"], "forward_backward": sum(kernels[name] for name in KERNELS)}


def measure_shape(sides, shape, seconds):
    """The runs of each side, in turn: seconds of a call."""
    runs = {"layer": [], "kernels": [], "torch": [], "onednn": []}
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "convolution.safetensors"
        for i in range(sides.rounds):
            ours = benchmarks(sides, shape, "telescope", seconds, *([] if i else ["--save", data]))
            runs["layer"].append({name[len("layer_"):]: value for name, value in ours.items() if "layer_" in name})
            runs["kernels"].append(together(ours))
            runs["torch"].append(peer(sides, shape, data, seconds))
            runs["onednn"].append(together(benchmarks(sides, shape, "onednn", seconds)))
    return runs


def medians(runs):
    return {side: {name: median([run[name] for run in of_side]) for name in of_side[0]}
            for side, of_side in runs.items()}


def flop_of(shape):
    n, size, c, k, kernel = shape
    return 2 * n * size**2 * c * k * kernel**2


def name_of(shape):
    n, size, c, k, kernel = shape
    return f"{kernel}x{kernel} {c} to {k} on {size}x{size}, batch {n}"


def ratio(figures, direction, ours, theirs):
    if direction not in figures[theirs]:
        return None
    return figures[theirs][direction] / figures[ours][direction]


def row_of(case, direction, peak):
    flop = case["flop"] * (1 if direction == "forward" else 3)

    def rate(side):
        seconds = case["seconds"][side].get(direction)
        return [f"{flop / seconds * 1e-9:.0f}", f"{flop / seconds / peak:.0%}"] if seconds else ["-", "-"]

    ratios = [f"{r:.2f}" if r else "-" for r in case["ratios"][direction].values()]
    return [name_of(case["shape"]), *rate("layer"), *rate("torch"), *rate("onednn"), *ratios]


def summarise(cases):
    every = [(case["shape"], case["ratios"][d]) for case in cases for d in case["ratios"]]
    for peer, what in (("torch", "PyTorch"), ("onednn", "oneDNN")):
        for kind, bar, chosen in (("3x3", 2 if peer == "torch" else 1.8, True), ("others", 1.3, False)):
            found = [r[peer] for shape, r in every if r[peer] and (shape[4] == 3) == chosen]
            if found:
                print(f"{kind} beside {what}: {against(bar, found)}")
        found = [r[peer] for _, r in every if r[peer]]
        if found:
            print(f"all beside {what}: {against(1, found)}")


def measure(sides, options):
    peak, cases = sides.peak(), []
    for shape in options.shapes:
        progress(f"convolution {name_of(shape)}")
        runs = measure_shape(sides, shape, options.seconds)
        figures = medians(runs)
        ratios = {d: {"torch": ratio(figures, d, "layer", "torch"), "onednn": ratio(figures, d, "kernels", "onednn")}
                  for d in ("forward", "forward_backward")}
        cases.append({"shape": shape, "flop": flop_of(shape), "seconds": figures, "ratios": ratios, "runs": runs})
    peak = max(peak, sides.peak())
    for direction, title in (("forward", "Convolution, forward"),
                             ("forward_backward", "Convolution, forward and both gradients")):
        print_table(f"{title}: GFLOP/s, share of {peak * 1e-9:.0f} GFLOP/s of f32 multiply-adds, and how many times "
                    "faster than PyTorch and oneDNN",
                    ["shape", "ours", "of peak", "torch", "of peak", "oneDNN", "of peak", "to torch", "to oneDNN"],
                    [row_of(case, direction, peak) for case in cases])
    if not any(case["seconds"]["onednn"] for case in cases):
        print("built without oneDNN to compare with (libdnnl-dev)")
    summarise(cases)
    return {"peak_flop_per_second": peak, "cases": cases}
