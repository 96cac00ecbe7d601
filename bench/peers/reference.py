#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The public reference training loop of arXiv:2501.12739 in plain PyTorch: the peer of `bench/compare reference`.

  reference.py --model resnet --strategy mge --size 128 --batch 16 --levels 4 --steps 20

Its networks, optimizer, learning rate and modes (single-scale-small, mge, full-multiscale here), as it computes
them: images are degraded on mesh 0, both sides of every difference are evaluated by themselves (2L+1 passes for
L+1 meshes), and one backward pass goes through all of them. Left out are validation and the reading of images,
which rest in memory; batches double from mesh to mesh, as the paper says. Prints one line of JSON: seconds of all
steps.
"""
import torch
import torch.nn.functional as F

from common import make_network, parser_of, peak_kib, report, seconds_of, use_threads


class Images:
    """Images in memory, one after the other; after the last comes the first."""

    def __init__(self, size, count=512):
        self.images, self.next = torch.rand(count, 3, size, size) * 2 - 1, 0

    def take(self, count):
        index = (self.next + torch.arange(count)) % len(self.images)
        self.next += count
        return self.images[index]


class Denoise:
    """Input t x + (1 - t) z, coarsened to every other pixel; mean squared error."""

    def degrade(self, x):
        t = torch.rand(len(x))
        share = t[:, None, None, None]
        return share * x + (1 - share) * torch.randn_like(x), x, t

    def coarsen(self, x):
        return F.interpolate(x, scale_factor=0.5)

    def loss(self, y, x):
        return F.mse_loss(y, x)


class SuperResolve:
    """Input means of 2x2 pixels, coarsened by further means; negative SSIM of images in [0, 1]."""

    def __init__(self, window=11, sigma=1.5):
        distance = torch.arange(window) - window // 2
        weights = torch.exp(-(distance**2) / (2 * sigma**2))
        weights = weights / weights.sum()
        self.window = (weights[:, None] * weights).expand(3, 1, window, window).contiguous()

    def degrade(self, x):
        x = (x + 1) / 2
        return F.avg_pool2d(x, 2), x, torch.zeros(len(x))

    def coarsen(self, x):
        return F.interpolate(x, scale_factor=0.5, mode="bilinear", align_corners=False)

    def mean(self, x):
        return F.conv2d(x, self.window, padding=self.window.shape[-1] // 2, groups=3)

    def loss(self, y, x, c1=0.01**2, c2=0.03**2):
        my, mx = self.mean(y), self.mean(x)
        vy, vx, vxy = self.mean(y * y) - my * my, self.mean(x * x) - mx * mx, self.mean(x * y) - mx * my
        return -(((2 * mx * my + c1) * (2 * vxy + c2)) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean()


class Multiscale:
    """sum over levels of f_l - f_{l+1}, and f_L: the loss of one step."""

    def __init__(self, net, task, images):
        self.net, self.task, self.images = net, task, images

    def at(self, samples, meshes):
        """The same samples, so many meshes coarser."""
        x, target, t = samples
        for _ in range(meshes):
            x, target = self.task.coarsen(x), self.task.coarsen(target)
        return x, target, t

    def f(self, samples):
        x, target, t = samples
        return self.task.loss(self.net(x, t), target)

    def loss(self, finest, levels, batch):
        total = 0
        for level in range(levels):
            samples = self.at(self.task.degrade(self.images.take(batch << level)), finest + level)
            total = total + self.f(samples)
            if level + 1 < levels:
                total = total - self.f(self.at(samples, 1))
        return total


def stages(options):
    """(finest mesh, levels, batch on it, steps) of each stage of the strategy."""
    if options.strategy == "single-scale-small":
        return [(0, 1, options.batch, options.steps)]
    if options.strategy == "mge":
        return [(0, options.levels, options.batch, options.steps)]
    meshes = range(options.levels - 1, -1, -1)
    return [(l, options.levels - l, options.batch << l, -(-options.steps >> stage)) for stage, l in enumerate(meshes)]


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--strategy", choices=("single-scale-small", "mge", "full-multiscale"), required=True)
    for name, value in (("size", 128), ("batch", 16), ("levels", 4), ("steps", 20)):
        parser.add_argument("--" + name, type=int, default=value)
    options = parser.parse_args()
    use_threads()
    torch.manual_seed(1)
    net = make_network(options.model, options.hidden, options.blocks)
    task = SuperResolve() if options.model == "srnet" else Denoise()
    multiscale = Multiscale(net, task, Images(options.size))
    plan = stages(options)
    adam = torch.optim.Adam(net.parameters(), lr=1e-3 if options.model == "srnet" else 5e-4)
    rate = torch.optim.lr_scheduler.CosineAnnealingLR(adam, T_max=sum(stage[3] for stage in plan), eta_min=1e-6)

    def step(finest, levels, batch):
        adam.zero_grad()
        multiscale.loss(finest, levels, batch).backward()
        adam.step()
        rate.step()

    before = peak_kib()
    seconds = [seconds_of(lambda: step(*stage)) for *stage, steps in plan for _ in range(steps)]
    report(seconds=sum(seconds), steps=len(seconds), peak_kib=peak_kib(), before_kib=before)


if __name__ == "__main__":
    main()
