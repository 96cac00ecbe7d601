#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same step as train_step.cpp, in PyTorch: train_step_torch.py HIDDEN BLOCKS SIZE BATCH STEPS."""
import json
import math
import os
import resource
import sys
import time

import torch
from torch import nn
import torch.nn.functional as F


class TimeEmbedding(nn.Module):
    def __init__(self, dim, hidden=32):
        super().__init__()
        q = dim // 2 // 2
        self.register_buffer("f", torch.exp(-math.log(10000) * torch.arange(q) / q))
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
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.te = TimeEmbedding(channels)

    def forward(self, x, t):
        y = self.conv1(x) + self.te(t)[:, :, None, None]
        return x + self.conv2(F.leaky_relu(F.layer_norm(y, y.shape[1:]), 0.2))


class ResNet(nn.Module):
    def __init__(self, hidden, blocks):
        super().__init__()
        self.open, self.close = nn.Conv2d(3, hidden, 1), nn.Conv2d(hidden, 3, 1)
        self.blocks = nn.ModuleList(Block(hidden) for _ in range(blocks))

    def forward(self, x, t):
        x = self.open(x)
        for block in self.blocks:
            x = block(x, t)
        return self.close(x)


def main():
    hidden, blocks, size, batch, steps = (int(a) for a in sys.argv[1:6])
    threads = int(os.environ.get("OMP_NUM_THREADS", os.cpu_count()))
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    net = ResNet(hidden, blocks)
    adam = torch.optim.Adam(net.parameters(), lr=1e-4)
    x, target, t = torch.randn(batch, 3, size, size), torch.randn(batch, 3, size, size), torch.rand(batch)
    if os.environ.get("CHANNELS_LAST") == "1":
        net, x = net.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = []
    for step in range(steps + 1):
        start = time.perf_counter()
        adam.zero_grad(set_to_none=True)
        loss = F.mse_loss(net(x, t), target)
        value = loss.item()
        loss.backward()
        adam.step()
        if step > 0:
            seconds.append(time.perf_counter() - start)
    seconds.sort()
    print(json.dumps({"seconds": seconds[len(seconds) // 2],
                      "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
                      "before_kib": before, "loss": value, "threads": threads,
                      "torch": torch.__version__}))


if __name__ == "__main__":
    main()
