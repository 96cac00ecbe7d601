#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A training step of a network, ours beside PyTorch's, run in turn: seconds and peak memory as ratios.

  bench/compare_step.py BUILD_FOLDER [--device cuda] [--precision tf32] [--strategy mge] [--batch 16] ...

Needs BUILD_FOLDER/bench/bench.train_step (preset `bench` or `cuda`) and a Python with torch (Debian's
python3-torch). Both sides start from the same weights and samples, and PyTorch is timed only if its loss and
gradients are ours. Modes of PyTorch: eager, channels_last, and from 2.0 on compile (with channels_last on
GPUs). Peak memory on the CPU is the operating system's, for the whole process and above what it held before
the steps; on a GPU it is what the tensors took. Without torch only ours is timed.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent


def python_with_torch():
    """A Python that has torch, and its version."""
    for python in (os.environ.get("PYTHON", ""), sys.executable, "python3", "/usr/bin/python3"):
        if not python:
            continue
        try:
            out = subprocess.run([python, "-c", "import torch; print(torch.__version__)"], capture_output=True,
                                 text=True)
        except OSError:
            continue
        if out.returncode == 0:
            return python, out.stdout.strip()
    return None, None


def run(command, environment):
    out = subprocess.run(command, env=environment, capture_output=True, text=True)
    if out.returncode:
        sys.exit(f"compare_step: {' '.join(command)}\n{out.stderr.strip() or out.stdout.strip()}")
    return json.loads(out.stdout.splitlines()[-1])


def memory_mib(result, on_gpu):
    if on_gpu:
        return result["device_peak_bytes"] / 2**20
    return (result["peak_kib"] - result["before_kib"]) / 1024


def summary(runs, on_gpu):
    figures = {}
    for name, results in runs.items():
        figures[name] = {"seconds": statistics.median(r["seconds"] for r in results),
                         "step_mib": statistics.median(memory_mib(r, on_gpu) for r in results),
                         "peak_mib": statistics.median(r["peak_kib"] for r in results) / 1024, "runs": results}
    return figures


def report(title, figures):
    print(title)
    for name, f in figures.items():
        print(f"{name:22} {1e3 * f['seconds']:10.3f} ms/step  memory of the steps {f['step_mib']:8.0f} MiB")
    others = [f for name, f in figures.items() if name != "ours"]
    if not others:
        print("no Python with torch here: nothing to compare with (Debian: python3-torch)")
        return
    ours = figures["ours"]
    print(f"speed: {min(f['seconds'] for f in others) / ours['seconds']:.2f}x PyTorch's best; memory of the "
          f"steps: {ours['step_mib'] / min(f['step_mib'] for f in others):.2f} of PyTorch's least", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    for name, value in (("hidden", 128), ("blocks", 2), ("size", 128), ("batch", 4), ("levels", 4), ("steps", 3),
                        ("rounds", 3), ("threads", os.cpu_count())):
        parser.add_argument("--" + name, type=int, default=value)
    parser.add_argument("--model", default="resnet")
    parser.add_argument("--strategy", choices=("single-scale", "mge"), default="single-scale")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default=None, help="fp32, tf32, bf16; default: fp32 on the CPU, else tf32")
    parser.add_argument("--json", help="file for all figures")
    options = parser.parse_args()
    on_gpu = options.device.startswith("cuda") and options.device != "cuda-sim"
    options.precision = options.precision or ("tf32" if on_gpu else "fp32")
    build = pathlib.Path(options.build).resolve()
    environment = dict(os.environ, OMP_NUM_THREADS=str(options.threads))
    packed = [str(build / "run")] if (build / "run").exists() else []  # made by tests/gpu --pack
    python, version = python_with_torch()

    def flags(*names):
        return [word for name in names for word in (f"--{name}", str(getattr(options, name)))]

    ours = packed + [str(build / "bench" / "bench.train_step")] + flags(
        "model", "hidden", "blocks", "size", "batch", "levels", "steps", "strategy", "device", "precision")
    with tempfile.TemporaryDirectory() as folder:
        data = str(pathlib.Path(folder) / "step.safetensors")
        run(ours + ["--save", data, "--rounds", "1"], environment)
        commands = {"ours": ours}
        if python and options.device != "cuda-sim":
            modes = ["eager", "channels_last"] + (["compile"] if int(version.split(".")[0]) >= 2 else [])
            torch = [python, str(HERE / "train_step_torch.py"), "--data", data] + flags(
                "model", "hidden", "blocks", "steps", "device", "precision")
            for mode in modes:
                commands[f"torch {mode}"] = torch + ["--mode", mode]
        runs = {name: [] for name in commands}
        for _ in range(options.rounds):
            for name, command in commands.items():
                runs[name].append(run(command, environment))
    figures = summary(runs, on_gpu)
    where = options.device if options.device != "cpu" else f"cpu, {options.threads} threads"
    report(f"{options.model} hidden {options.hidden}, blocks {options.blocks}, {options.strategy}, {options.batch} "
           f"images of {options.size}x{options.size}, {options.precision} on {where}, torch {version}, median of "
           f"{options.rounds} runs", figures)
    if options.json:
        everything = {"bench": "train_step", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                      "command": " ".join(sys.argv), "torch": version, "options": vars(options), "figures": figures}
        pathlib.Path(options.json).write_text(json.dumps(everything, indent=1) + "\n")


if __name__ == "__main__":
    main()
