# SPDX-License-Identifier: MIT
"""Images a second through a network, forward and backward, on every mesh of an MGE step.

A work unit costs the same seconds on every mesh if an image on mesh l takes 4^-l of one on mesh 0: printed is the
share of that which each mesh reaches.
"""
from .arguments import add_models, flags, positive
from .table import against, median, print_table, progress


def add_options(parser):
    add_models(parser)
    parser.add_argument("--size", type=positive, default=128, help="of mesh 0 (default: %(default)s)")
    parser.add_argument("--batch", type=positive, default=4, help="on mesh 0 (default: %(default)s)")
    parser.add_argument("--levels", type=positive, default=5, help="default: %(default)s")


def make_quick(options):
    options.size, options.batch, options.levels = 16, 1, 2


def measure_model(sides, options, model):
    """Medians of the rounds: images, seconds and share of the promise of each mesh."""
    step = flags(model=model, size=options.size, batch=options.batch, levels=options.levels, strategy="mge",
                 device="cpu", warmup=1, rounds=1, steps=1 if sides.quick else 3)
    runs = [sides.ours_json("bench/bench.train_step", *step)["passes"] for _ in range(sides.rounds)]
    meshes = [{**passes[0], "seconds": median([p["seconds"] for p in passes])} for passes in zip(*runs)]
    for mesh in meshes:
        mesh["images_per_second"] = mesh["images"] / mesh["seconds"]
        promised = meshes[0]["images_per_second"] * (options.size / mesh["size"]) ** 2
        mesh["kept"] = mesh["images_per_second"] / promised
    return meshes


def measure(sides, options):
    cases = {}
    for model in options.models:
        progress(f"images a second of {model}")
        cases[model] = measure_model(sides, options, model)
    print_table("An MGE step mesh by mesh: images a second, and their share of 4^l times those on mesh 0",
                ["network", "images", "batch", "ms", "images/s", "kept"],
                [[model, f"{m['size']}x{m['size']}", str(m["images"]), f"{1e3 * m['seconds']:.2f}",
                  f"{m['images_per_second']:.1f}", f"{m['kept']:.2f}"]
                 for model, meshes in cases.items() for m in meshes])
    print(f"kept on the meshes below: {against(0.9, [m['kept'] for meshes in cases.values() for m in meshes[1:]])}")
    return {"cases": cases}
