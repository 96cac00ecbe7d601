#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The same step as train_step.cpp, in PyTorch: the peer of `bench/compare steps`.

  step.py --data FILE --mode eager|channels_last|compile --device cuda --precision tf32 ...

FILE is what train_step --save wrote: weights, samples, loss and gradients of the first step, without dropout.
The loss and gradients have to come out the same here, or nothing is timed; dropout is on while it is. Prints
one line of JSON.
"""
import math
import sys

import torch

from common import TOLERANCE, load_file, make_network, parser_of, peak_kib, relative_error, report, seconds_of, \
    use_threads


class Step:
    """Forward and backward of one step: one pass a mesh, the coarse side of one level with the fine side
    of the next, as train_step does it."""

    def __init__(self, options, net, tensors):
        self.options, self.net = options, net
        self.levels = []
        while f"level{len(self.levels)}.input" in tensors:
            x, y, t = (tensors[f"level{len(self.levels)}.{n}"] for n in ("input", "target", "time"))
            if options.channels_last:
                x, y = (z.contiguous(memory_format=torch.channels_last) for z in (x, y))
            self.levels.append([z.to(options.device) for z in (x, y, t)])
        self.weights = []
        for l, (x, _, _) in enumerate(self.levels):
            fine = torch.full((len(x),), 1 / len(x))
            if l > 0:
                n = len(self.levels[l - 1][0])
                fine = torch.cat([torch.full((n,), -1 / n), fine])
            self.weights.append(fine.to(options.device))

    def losses(self, x, t, target):
        with torch.autocast("cpu" if self.options.device == "cpu" else "cuda", torch.bfloat16,
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


def verify(options, net, step, tensors):
    """Ends the program unless the step is the one in the file; how far the gradients are off."""
    tolerance = TOLERANCE[options.precision]  # a single parameter may be ten times as far off
    dropouts = [m for m in net.modules() if isinstance(m, torch.nn.Dropout)]
    kept = [m.p for m in dropouts]
    for m in dropouts:
        m.p = 0
    loss, expected = step.gradient().item(), tensors["loss"].item()
    for m, p in zip(dropouts, kept):
        m.p = p
    wrong = []
    if not abs(loss - expected) <= tolerance * abs(expected):
        wrong.append(f"the loss is {loss}, expected {expected}")
    gradients = {n: (p.grad.detach().cpu().float(), tensors["grad." + n]) for n, p in net.named_parameters()}
    for name, (got, there) in gradients.items():
        if not relative_error(got, there) <= 10 * tolerance:
            wrong.append(f"the gradient of {name} is off by {relative_error(got, there):.1e}")
    off = relative_error(*(torch.cat([pair[i].flatten() for pair in gradients.values()]) for i in (0, 1)))
    if not off <= tolerance:
        wrong.append(f"gradients are off by {off:.1e}")
    if wrong:
        sys.exit(f"step.py: not the same step: {wrong[-1]}")
    return off


def parse():
    parser = parser_of(__doc__)
    parser.add_argument("--data", required=True)
    parser.add_argument("--mode", choices=("eager", "channels_last", "compile"), default="eager")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=TOLERANCE, default="fp32")
    for name, value in (("steps", 3), ("rounds", 3), ("warmup", 4)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    options.channels_last = options.mode == "channels_last" or options.device != "cpu" and options.mode == "compile"
    return options


def set_up(options):
    if options.device == "cpu":
        use_threads()
    elif not torch.cuda.is_available():
        sys.exit("step.py: this torch sees no GPU")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = options.precision != "fp32"
    torch.backends.cudnn.benchmark = True


def main():
    options = parse()
    set_up(options)
    cuda = options.device != "cpu"
    before = peak_kib()
    tensors = load_file(options.data)
    net = make_network(options.model, options.hidden, options.blocks)
    net.load_state_dict({n[len("param."):]: t for n, t in tensors.items() if n.startswith("param.")})
    net.to(options.device)
    if options.channels_last:
        net.to(memory_format=torch.channels_last)
    step = Step(options, torch.compile(net) if options.mode == "compile" else net, tensors)
    off = verify(options, net, step, tensors)
    del tensors
    adam = torch.optim.Adam(net.parameters(), lr=1e-4, **({"fused": True} if cuda else {}))

    def steps(count):
        for _ in range(count):
            adam.zero_grad(set_to_none=True)
            step.gradient()
            adam.step()

    steps(options.warmup)
    synchronize = torch.cuda.synchronize if cuda else lambda: None
    rounds = [seconds_of(lambda: steps(options.steps), synchronize) / options.steps for _ in range(options.rounds)]
    report(seconds=sorted(rounds)[len(rounds) // 2], rounds=rounds, gradients_off=off,
           device_peak_bytes=torch.cuda.max_memory_allocated() if cuda else 0, peak_kib=peak_kib(), before_kib=before,
           device=options.device, precision=options.precision)


if __name__ == "__main__":
    main()
