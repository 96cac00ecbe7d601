#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Weights go to PyTorch and back: networks of the same names and weights give the same output there and here.

  weights.py PROGRAM [TELESCOPE]      PROGRAM: interop_weights of the build
                                      TELESCOPE: its telescope, whose model.safetensors are loaded as well

Needs a Python with torch: $PYTHON, this one, python3 or /usr/bin/python3; without, it says that it was skipped.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

TOLERANCE = 1e-5  # of the largest output

# How telescope trains a network of load_networks(), where it can.
TRAINED = {
    "resnet": "--model resnet --task denoise --size 8",
    "resnet_without_time": "--model resnet --task super-resolve --size 8",
    "unet": "--model unet --task denoise --size 8",
    "srnet": "--model srnet --task super-resolve --size 8",
    "espcn": "--model espcn --task super-resolve --scale 3 --size 12",
}


def has_torch(python):
    try:
        return subprocess.run([python, "-c", "import torch, numpy"], capture_output=True).returncode == 0
    except OSError:
        return False


def load_networks():
    from networks import ESPCN, ResNet, SRNet, UNet

    return {
        "resnet": ResNet(),
        "resnet_without_time": ResNet(hidden=100, blocks=9, time=False),
        "unet": UNet(),
        "unet_with_heads": UNet(channels=16, multipliers=(1, 2), blocks=2, heads=4),
        "srnet": SRNet(),
        "espcn": ESPCN(scale=3),
    }


def check(name, way, error):
    print(f"{name:20} {way}: largest error {error:.1e} of the largest output")
    if not error <= TOLERANCE:
        sys.exit(f"{name} {way}: {error:.1e} is more than {TOLERANCE:.0e}")


def run(program, *arguments):
    result = subprocess.run([program, *arguments], capture_output=True, text=True)
    if result.returncode:
        sys.exit(f"{program} {' '.join(arguments)}: {result.stderr.strip()}")
    return result.stdout


def to_pytorch(program, folder, networks):
    import torch
    from safetensors_file import load_file

    run(program, "write", folder)
    for name, net in networks.items():
        net.load_state_dict(load_file(f"{folder}/{name}.safetensors"))  # strict: every name, every shape
        case = load_file(f"{folder}/{name}.case.safetensors")
        with torch.no_grad():
            y = net(case["x"], case["t"])
        assert y.shape == case["y"].shape, f"{name}: {y.shape}, expected {case['y'].shape}"
        check(name, "to PyTorch", float((y - case["y"]).abs().max() / y.abs().max()))


def from_pytorch(program, folder, networks):
    import torch
    from safetensors_file import load_file, save_file

    for name, net in networks.items():
        x = torch.randn_like(load_file(f"{folder}/{name}.case.safetensors")["x"])
        t = torch.rand(x.shape[0])
        with torch.no_grad():
            for parameter in net.parameters():
                parameter.add_(0.05 * torch.randn_like(parameter))
            y = net(x, t)
        save_file(net.state_dict(), f"{folder}/{name}.safetensors")
        save_file({"x": x, "t": t, "y": y.contiguous()}, f"{folder}/{name}.case.safetensors")
    errors = dict(line.split() for line in run(program, "read", folder).splitlines())
    assert errors.keys() == networks.keys(), f"got {sorted(errors)}, expected {sorted(networks)}"
    for name, error in errors.items():
        check(name, "from PyTorch", float(error))


def from_training(telescope, folder, networks):
    from safetensors_file import load_file

    for name, options in TRAINED.items():
        out = f"{folder}/{name}"
        run(telescope, "train", *options.split(), *"--levels 1 --batch 1 --steps 1 --out".split(), out)
        networks[name].load_state_dict(load_file(f"{out}/model.safetensors"))
        print(f"{name:20} trained by telescope: loaded")


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit("weights.py: expected the program interop_weights, and perhaps telescope")
    wanted = [os.environ.get("PYTHON"), sys.executable, "python3", "/usr/bin/python3"]
    python = next((p for p in wanted if p and has_torch(p)), None)
    if python is None:
        print("[skipped] no Python with torch here (Debian: python3-torch)")
        return
    if python != sys.executable:
        os.execvp(python, [python, str(pathlib.Path(__file__).resolve()), *sys.argv[1:]])
    import torch

    torch.manual_seed(1)
    networks = {name: net.eval() for name, net in load_networks().items()}
    with tempfile.TemporaryDirectory() as folder:
        to_pytorch(sys.argv[1], folder, networks)
        from_pytorch(sys.argv[1], folder, networks)
        if len(sys.argv) == 3:
            from_training(sys.argv[2], folder, networks)


main()
