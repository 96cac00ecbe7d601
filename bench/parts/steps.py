# SPDX-License-Identifier: MIT
"""Whole training steps (forward, backward, Adam) beside PyTorch's: seconds and peak memory.

Both sides start from the same weights and samples, and PyTorch is timed only if its loss and gradients, without
dropout, are ours. Its modes: eager, channels_last, and from 2.0 on compile; the fastest counts, and the one with the
least memory. Peak memory on the CPU is the operating system's, of the whole process and above what it held
before the steps; on a GPU what the tensors took. The size is that of the target: a super-resolving network
sees half of it.
"""
import pathlib
import tempfile

from .arguments import add_models, flags, numbers, positive
from .table import against, median, print_table, progress

SIZES = "128:4,64:8,32:16,16:32"


def sizes(text):
    return [numbers(part, 2, ":") for part in text.split(",")]


def add_options(parser):
    add_models(parser)
    parser.add_argument("--sizes", type=sizes, default=SIZES, metavar="SIZE:BATCH,...",
                        help="of the finest mesh (default: %(default)s)")
    parser.add_argument("--hidden", type=positive, help="default: the paper's")
    parser.add_argument("--blocks", type=positive, help="default: the paper's")
    parser.add_argument("--strategy", choices=("single-scale", "mge"), default="single-scale")
    parser.add_argument("--levels", type=positive, default=4, help="of mge (default: %(default)s)")
    parser.add_argument("--steps", type=positive, help="in a row; default: more of small images")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", help="fp32, tf32, bf16; default: fp32 on the CPU, else tf32")


def make_quick(options):
    options.sizes, options.levels, options.steps = [(16, 2)], 3, 1


def on_gpu(options):
    return options.device.startswith("cuda") and options.device != "cuda-sim"


def steps_in_a_row(options, size, batch):
    """About as long for small images as for large ones."""
    return options.steps or max(1, min(16, 4 * 128**2 // (batch * size**2)))


def measure_step(sides, options, model, size, batch):
    """The runs of each side, in turn."""
    both = flags(model=model, hidden=options.hidden, blocks=options.blocks, device=options.device,
                 precision=options.precision)
    ours = both + flags(size=size, batch=batch, levels=options.levels, strategy=options.strategy)
    timing = flags(steps=steps_in_a_row(options, size, batch), rounds=1 if sides.quick else 3,
                   warmup=4 if on_gpu(options) else 2)
    with tempfile.TemporaryDirectory() as folder:
        data = pathlib.Path(folder) / "step.safetensors"
        sides.ours("bench/bench.train_step", *ours, *flags(save=data, dropout=0, warmup=1, rounds=1, steps=1))
        modes = []
        if sides.python and options.device != "cuda-sim":
            modes = ["eager", "channels_last"] + (["compile"] if int(sides.torch.split(".")[0]) >= 2 else [])
        runs = {"ours": [], **{f"torch {mode}": [] for mode in modes}}
        for _ in range(sides.rounds):
            runs["ours"].append(sides.ours_json("bench/bench.train_step", *ours, *timing))
            for mode in modes:
                runs[f"torch {mode}"].append(sides.peer("step.py", *both, *timing, "--data", data, "--mode", mode))
    return runs


def figures_of(runs, gpu):
    """Medians of all rounds of all runs of a side."""
    def step_mib(run):
        return run["device_peak_bytes"] / 2**20 if gpu else (run["peak_kib"] - run["before_kib"]) / 1024

    return {name: {"seconds": median([s for run in of_side for s in run["rounds"]]),
                   "peak_mib": median([run["peak_kib"] / 1024 for run in of_side]),
                   "step_mib": median([step_mib(run) for run in of_side]), "runs": of_side}
            for name, of_side in runs.items()}


def ratios_of(figures):
    """Ours to PyTorch's best: speed above 1 is faster, memory below 1 is less."""
    ours, others = figures["ours"], [f for name, f in figures.items() if name != "ours"]
    if not others:
        return {}
    return {"speed": min(f["seconds"] for f in others) / ours["seconds"],
            **{name: ours[name] / min(f[name] for f in others) for name in ("peak_mib", "step_mib")}}


def row_of(case, peak):
    ours, others = case["sides"]["ours"], [f for name, f in case["sides"].items() if name != "ours"]
    images = case["batch"] if case["strategy"] == "single-scale" else 1

    def beside(name, ratio, scale=1, digits=0):
        best = f"{scale * min(f[name] for f in others):.{digits}f}" if others else "-"
        return [f"{scale * ours[name]:.{digits}f}", best, f"{case['ratios'][ratio]:.2f}" if others else "-"]

    flop = sum(mesh["flop"] for mesh in ours["runs"][0]["passes"])
    share = f"{flop / ours['seconds'] / peak:.0%}" if peak else "-"
    return [case["model"], f"{case['size']}x{case['size']}", str(case["batch"]), share,
            *beside("seconds", "speed", 1e3 / images, 2), *beside("peak_mib", "peak_mib"),
            *beside("step_mib", "step_mib")]


def measure(sides, options):
    options.precision = options.precision or ("tf32" if on_gpu(options) else "fp32")
    peak = None if options.device != "cpu" else sides.peak()
    cases = []
    for model in options.models:
        for size, batch in options.sizes:
            progress(f"a step of {model} on {batch} images of {size}x{size}")
            figures = figures_of(measure_step(sides, options, model, size, batch), on_gpu(options))
            cases.append({"model": model, "size": size, "batch": batch, "strategy": options.strategy, "sides": figures,
                          "ratios": ratios_of(figures)})
    print_table(f"Training steps, {options.strategy}, {options.precision} on {options.device}; MiB at the peak of the "
                "process, and above what it held before the steps",
                ["network", "images", "batch", "of peak",
                 "ms/image" if options.strategy == "single-scale" else "ms/step", "torch", "speed",
                 "MiB", "torch", "ratio", "steps' MiB", "torch", "ratio"], [row_of(case, peak) for case in cases])
    if all(case["ratios"] for case in cases):
        print(f"speed: {against(2, [case['ratios']['speed'] for case in cases])}")
        for name, what in (("peak_mib", "peak memory"), ("step_mib", "memory of the steps")):
            print(f"{what}: {against(0.7, [case['ratios'][name] for case in cases], least=False)}")
    return {"peak_flop_per_second": peak, "cases": cases}
