#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A training step of ResNet, ours beside PyTorch's, run in turn: seconds and peak memory as ratios.

  bench/compare_step.py BUILD_FOLDER [--hidden 128] [--blocks 2] [--size 128] [--batch 4] ...

Needs BUILD_FOLDER/bench/bench.train_step (preset `bench`) and a Python with torch (Debian's python3-torch).
Peak memory is the operating system's, for the whole process and above what it held before the steps.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys


def python_with_torch():
    for python in (sys.executable, "/usr/bin/python3"):
        if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
            return python
    sys.exit("compare_step: no Python with torch; install the package python3-torch")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    for name, value in (("hidden", 128), ("blocks", 2), ("size", 128), ("batch", 4), ("steps", 3),
                        ("rounds", 3), ("threads", os.cpu_count())):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--json", help="file for all figures")
    options = parser.parse_args()
    work = [str(v) for v in (options.hidden, options.blocks, options.size, options.batch, options.steps)]
    torch = [python_with_torch(), str(pathlib.Path(__file__).with_name("train_step_torch.py"))]
    commands = {"ours": [str(pathlib.Path(options.build) / "bench" / "bench.train_step")],
                "torch": torch, "torch channels_last": torch}
    runs = {name: [] for name in commands}
    for _ in range(options.rounds):
        for name, command in commands.items():
            environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads),
                               CHANNELS_LAST="1" if "channels_last" in name else "0")
            out = subprocess.run(command + work, env=environment, check=True, capture_output=True, text=True)
            runs[name].append(json.loads(out.stdout))
    figures = {}
    for name, results in runs.items():
        seconds = statistics.median(r["seconds"] for r in results)
        peak = statistics.median(r["peak_kib"] for r in results) / 1024
        step = statistics.median(r["peak_kib"] - r["before_kib"] for r in results) / 1024
        figures[name] = {"seconds": seconds, "peak_mib": peak, "step_mib": step, "runs": results}
    print(f"ResNet hidden {options.hidden}, blocks {options.blocks}, {options.batch} images of "
          f"{options.size}x{options.size}, {options.threads} threads, median of {options.rounds} rounds")
    for name, f in figures.items():
        print(f"{name:20} {f['seconds']:8.3f} s/step  peak {f['peak_mib']:7.0f} MiB, of it the steps "
              f"{f['step_mib']:7.0f} MiB")
    best = min(f["seconds"] for name, f in figures.items() if name != "ours")
    least = min(f["step_mib"] for name, f in figures.items() if name != "ours")
    ours = figures["ours"]
    print(f"speed: {best / ours['seconds']:.2f}x PyTorch's best; memory of the steps: "
          f"{ours['step_mib'] / least:.2f} of PyTorch's least")
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps({"options": vars(options), "figures": figures}, indent=1))


if __name__ == "__main__":
    main()
