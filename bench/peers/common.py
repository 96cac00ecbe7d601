# SPDX-License-Identifier: MIT
"""What the PyTorch sides of bench/compare share: networks, precision, timing."""
import argparse
import inspect
import json
import os
import pathlib
import resource
import sys
import time

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "interop"))
from networks import ResNet, SRNet, UNet  # noqa: E402
from safetensors_file import load_file  # noqa: E402,F401

# By the names they have in the program.
NETWORKS = {"resnet": ResNet, "unet": UNet, "srnet": SRNet}

# What rounded factors may do to the norm of a result; 1e-4 leaves room for two ways to compute in f32.
TOLERANCE = {"fp32": 1e-4, "tf32": 5e-3, "bf16": 5e-2}


def make_network(model, hidden, blocks):
    """The network with the sizes that are given, else the paper's."""
    takes = inspect.signature(NETWORKS[model]).parameters
    sizes = {"hidden": hidden, "channels": hidden, "blocks": blocks}
    return NETWORKS[model](**{name: size for name, size in sizes.items() if size and name in takes})


def parser_of(doc):
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--model", choices=NETWORKS, default="resnet")
    for name in ("hidden", "blocks"):
        parser.add_argument("--" + name, type=int, help="default: the paper's")
    return parser


def use_threads():
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))


def peak_kib():
    """The most memory that this process has held, as the operating system counts it."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def relative_error(got, expected):
    return ((got - expected).norm() / expected.norm().clamp_min(1e-30)).item()


def seconds_of(f, synchronize=lambda: None):
    synchronize()
    start = time.perf_counter()
    f()
    synchronize()
    return time.perf_counter() - start


def report(**figures):
    """One line of JSON, which bench/compare reads."""
    print(json.dumps({**figures, "threads": torch.get_num_threads(), "torch": torch.__version__}))
