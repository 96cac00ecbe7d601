#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same step as train_step.cpp, in PyTorch: the peer of bench/compare_step.py.

  train_step_torch.py --data FILE --mode eager|channels_last|compile --device cuda --precision tf32 ...

FILE is what train_step --save wrote: weights, samples, loss and gradients of the first step. The loss and
gradients have to come out the same here, or nothing is timed. Prints one line of JSON.
"""
import argparse
import json
import math
import os
import resource
import struct
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


class TimeEmbedding(nn.Module):
    def __init__(self, dim, hidden=32):
        super().__init__()
        q = dim // 2 // 2
        self.register_buffer("f", torch.exp(-math.log(10000) * torch.arange(q) / q), persistent=False)
        self.fc1, self.fc2 = nn.Linear(1, hidden), nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, dim - dim // 2)

    def forward(self, t):
        t = t[:, None]
        waves = t * self.f
        learned = self.fc3(F.relu(self.fc2(F.relu(self.fc1(t)))))
        return torch.cat([waves.sin(), waves.cos(), learned], 1)


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.Conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.Conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.te = TimeEmbedding(channels)

    def forward(self, x, t):
        y = self.Conv1(x) + self.te(t)[:, :, None, None]
        return x + self.Conv2(F.leaky_relu(F.layer_norm(y, y.shape[1:]), 0.2))


class ResNet(nn.Module):
    def __init__(self, hidden, blocks):
        super().__init__()
        self.Open, self.Close = nn.Conv2d(3, hidden, 1), nn.Conv2d(hidden, 3, 1)
        self.blocks = nn.ModuleList(Block(hidden) for _ in range(blocks))

    def forward(self, x, t):
        x = self.Open(x)
        for block in self.blocks:
            x = block(x, t)
        return self.Close(x)


# A network is a line here, by the name it has in the program; parameter names are the same on both sides.
NETWORKS = {"resnet": lambda o: ResNet(o.hidden, o.blocks)}

# What rounded factors may do to the norm of all gradients; a single parameter may be ten times as far off.
TOLERANCE = {"fp32": 1e-4, "tf32": 5e-3, "bf16": 5e-2}


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(struct.unpack("<Q", file.read(8))[0]))
        data = bytearray(file.read())
    tensors = {}
    for name, entry in header.items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = torch.frombuffer(data[begin:end], dtype=torch.float32)
            tensors[name] = values.reshape(entry["shape"]).clone()
    return tensors, header["__metadata__"]


class Step:
    """Forward and backward of one step: one pass a mesh, the coarse side of one level with the fine side
    of the next, as train_step does it."""

    def __init__(self, options, net, tensors):
        self.options, self.net = options, net
        self.levels = []
        while f"level{len(self.levels)}.input" in tensors:
            l = len(self.levels)
            x, y = (tensors[f"level{l}.{n}"].permute(0, 3, 1, 2).contiguous() for n in ("input", "target"))
            if options.mode == "channels_last" or options.device != "cpu" and options.mode == "compile":
                x, y = (z.contiguous(memory_format=torch.channels_last) for z in (x, y))
            self.levels.append([z.to(options.device) for z in (x, y, tensors[f"level{l}.time"])])
        self.weights = []
        for l, (x, _, _) in enumerate(self.levels):
            fine = torch.full((len(x),), 1 / len(x))
            if l > 0:
                n = len(self.levels[l - 1][0])
                fine = torch.cat([torch.full((n,), -1 / n), fine])
            self.weights.append(fine.to(options.device))

    def losses(self, x, t, target):
        with torch.autocast("cuda" if self.options.device != "cpu" else "cpu", torch.bfloat16,
                            enabled=self.options.precision == "bf16"):
            y = self.net(x, t)
        return ((y.float() - target) ** 2).mean((1, 2, 3))

    def gradient(self):
        """Adds the gradients; returns the loss on the finest mesh."""
        first = None
        for l, (x, y, t) in enumerate(self.levels):
            for _ in range(l):
                x, y = x[:, :, ::2, ::2], y[:, :, ::2, ::2]
            if l > 0:
                x, y, t = (torch.cat(pair) for pair in zip(carried, (x, y, t)))
            losses = self.losses(x, t, y)
            (losses * self.weights[l]).sum().backward()
            if first is None:
                first = losses.detach().mean()
            count = len(self.levels[l][0])
            carried = x[-count:, :, ::2, ::2], y[-count:, :, ::2, ::2], t[-count:]
        return first


def verify(options, net, step, tensors, metadata):
    loss = step.gradient().item()
    tolerance = TOLERANCE[options.precision]
    expected_loss = float(metadata["loss"])
    worst, errors, norms = "", 0.0, 0.0
    if not abs(loss - expected_loss) <= tolerance * abs(expected_loss):
        worst = f"the loss is {loss}, expected {expected_loss}"
    for name, parameter in net.named_parameters():
        expected = tensors["grad." + name]
        error = (parameter.grad.detach().cpu().float() - expected).norm().item()
        errors, norms = errors + error**2, norms + expected.norm().item() ** 2
        if not error <= 10 * tolerance * expected.norm().item():
            worst = f"the gradient of {name} is off by {error / max(expected.norm().item(), 1e-30):.2e}"
    off = math.sqrt(errors / norms)
    if worst or not off <= tolerance:
        sys.exit(f"train_step_torch: not the same step: {worst or f'gradients are off by {off:.2e}'}")
    return off


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--model", choices=NETWORKS, default="resnet")
    parser.add_argument("--mode", choices=("eager", "channels_last", "compile"), default="eager")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=TOLERANCE, default="fp32")
    for name, value in (("hidden", 128), ("blocks", 2), ("steps", 3), ("rounds", 3), ("warmup", 4)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    cuda = options.device != "cpu"
    if not cuda:
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    elif not torch.cuda.is_available():
        sys.exit("train_step_torch: this torch sees no GPU")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision != "fp32"
    torch.backends.cudnn.benchmark = True
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    tensors, metadata = read_safetensors(options.data)
    net = NETWORKS[options.model](options)
    net.load_state_dict({n[len("param."):]: t for n, t in tensors.items() if n.startswith("param.")})
    net.to(options.device)
    if options.mode == "channels_last" or cuda and options.mode == "compile":
        net.to(memory_format=torch.channels_last)
    callable_net = torch.compile(net) if options.mode == "compile" else net
    step = Step(options, callable_net, tensors)
    off = verify(options, net, step, tensors, metadata)
    adam = torch.optim.Adam(net.parameters(), lr=1e-4, **({"fused": True} if cuda else {}))

    def synchronize():
        if cuda:
            torch.cuda.synchronize()

    def one():
        adam.zero_grad(set_to_none=True)
        loss = step.gradient()
        adam.step()
        return loss

    for _ in range(options.warmup):
        one()
    rounds = []
    for _ in range(options.rounds):
        synchronize()
        start = time.perf_counter()
        for _ in range(options.steps):
            loss = one()
        synchronize()
        rounds.append((time.perf_counter() - start) / options.steps)
    print(json.dumps({"seconds": sorted(rounds)[len(rounds) // 2], "rounds": rounds, "loss": loss.item(),
                      "gradients_off": off,
                      "device_peak_bytes": torch.cuda.max_memory_allocated() if cuda else 0,
                      "device_reserved_bytes": torch.cuda.max_memory_reserved() if cuda else 0,
                      "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, "before_kib": before,
                      "threads": torch.get_num_threads(), "device": options.device,
                      "precision": options.precision, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
