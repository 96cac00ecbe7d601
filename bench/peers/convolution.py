#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A convolution in PyTorch, forward and with the gradients that autograd takes: the peer of
`bench/compare convolutions`.

  convolution.py --data FILE --padding 1 --seconds 0.15

FILE is what bench.conv2d --save wrote: input, weight, bias, output gradient and the results, which have to come
out the same here, or nothing is timed. Prints one line of JSON: seconds of a call in both layouts.
"""
import argparse
import sys
import time

import torch
import torch.nn.functional as F

from common import TOLERANCE, load_file, relative_error, report, use_threads


def seconds_a_call(f, at_least):
    """Of calls for `at_least` seconds, after two others."""
    f(), f()
    calls, start = 0, time.perf_counter()
    while time.perf_counter() < start + at_least:
        f()
        calls += 1
    return (time.perf_counter() - start) / calls


class Convolution:
    def __init__(self, tensors, padding, memory_format):
        def leaf(name):
            tensor = tensors[name].detach()
            return tensor.contiguous(memory_format=memory_format) if tensor.dim() == 4 else tensor

        self.padding, self.dy = padding, leaf("dy")
        self.leaves = [leaf(name).requires_grad_() for name in ("x", "weight", "bias")]

    def result(self):
        return F.conv2d(*self.leaves, padding=self.padding)

    def forward(self):
        with torch.no_grad():
            return self.result()

    def forward_backward(self):
        y = self.result()
        return y, *torch.autograd.grad(y, self.leaves, self.dy)


def verify(convolution, tensors):
    for name, got in zip(("y", "dx", "dweight", "dbias"), convolution.forward_backward()):
        off = relative_error(got.detach(), tensors[name])
        if not off <= TOLERANCE["fp32"]:
            sys.exit(f"convolution.py: not the same convolution: {name} is off by {off:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--padding", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=0.15)
    options = parser.parse_args()
    use_threads()
    tensors = load_file(options.data)
    figures = {}
    for name, layout in (("contiguous", torch.contiguous_format), ("channels_last", torch.channels_last)):
        convolution = Convolution(tensors, options.padding, layout)
        verify(convolution, tensors)
        figures[name] = {"forward": seconds_a_call(convolution.forward, options.seconds),
                         "forward_backward": seconds_a_call(convolution.forward_backward, options.seconds)}
    report(**figures)


if __name__ == "__main__":
    main()
