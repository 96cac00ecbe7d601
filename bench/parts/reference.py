# SPDX-License-Identifier: MIT
"""Training runs beside the public reference loop of arXiv:2501.12739 in plain PyTorch (bench/peers/reference.py).

The same networks, batches, meshes and number of steps; ours by `telescope compare`, seconds of training alone.
Pictures rest in memory on both sides.
"""
from .arguments import add_models, flags, positive
from .strategies import train
from .table import geometric_mean, median, print_table, progress

STRATEGIES = ("single-scale-small", "mge", "full-multiscale")


def add_options(parser):
    add_models(parser)
    parser.add_argument("--size", type=positive, default=128, help="of mesh 0 (default: %(default)s)")
    parser.add_argument("--batch", type=positive, default=4, help="on mesh 0; the paper: 16 (default: %(default)s)")
    parser.add_argument("--levels", type=positive, default=4, help="default: %(default)s")
    parser.add_argument("--steps", type=positive, default=4, help="of the first stage (default: %(default)s)")
    parser.add_argument("--hidden", type=positive, help="default: the paper's")


def make_quick(options):
    options.models, options.size, options.batch, options.levels, options.steps = ["unet", "srnet"], 16, 1, 2, 2


def measure_model(sides, options, model):
    """Steps, and seconds of each side, by strategy."""
    both = flags(model=model, hidden=options.hidden, size=options.size, batch=options.batch, levels=options.levels,
                 steps=options.steps)
    settings = " ".join([*both, "--task", "super-resolve" if model == "srnet" else "denoise"])
    ours, theirs = [], []
    for _ in range(sides.rounds):
        ours.append(train(sides, settings, STRATEGIES))
        if sides.python:
            theirs.append({name: sides.peer("reference.py", *both, "--strategy", name) for name in STRATEGIES})
    return {name: figures_of([run[name] for run in ours], [run[name] for run in theirs]) for name in STRATEGIES}


def figures_of(ours, theirs):
    steps = {run["steps"] for run in ours + theirs}
    if len(steps) > 1:
        raise SystemExit(f"compare: expected the same number of steps on both sides, got {steps}")
    return {"steps": ours[0]["steps"], "work_units": ours[0]["work_units"],
            "ours": median([run["seconds"] for run in ours]),
            "torch": median([run["seconds"] for run in theirs]) if theirs else None, "runs": [ours, theirs]}


def row_of(model, name, f):
    there = [f"{f['torch']:.2f}", f"{f['torch'] / f['ours']:.2f}"] if f["torch"] else ["-", "-"]
    return [model, name, f"{f['steps']:.0f}", f"{f['work_units']:.1f}", f"{f['ours']:.2f}", *there]


def measure(sides, options):
    cases = {}
    for model in options.models:
        progress(f"the reference loop with {model}")
        cases[model] = measure_model(sides, options, model)
    print_table(f"Seconds of training beside the reference loop: {options.batch} images of "
                f"{options.size}x{options.size} on mesh 0, {options.levels} meshes",
                ["network", "strategy", "steps", "WU", "ours", "torch", "faster"],
                [row_of(model, name, f) for model, by_name in cases.items() for name, f in by_name.items()])
    ratios = [f["torch"] / f["ours"] for by_name in cases.values() for f in by_name.values() if f["torch"]]
    if ratios:
        print(f"faster: {geometric_mean(ratios):.2f} in the geometric mean")
    return {"cases": cases}
