# SPDX-License-Identifier: MIT
"""The networks of models/ in plain PyTorch, with the parameter names of the paper's reference code."""
import math

import torch
import torch.nn.functional as F
from torch import nn


def sinusoids(t, count):
    """Sines and cosines of t times the frequencies 10000^(-j/count)."""
    angles = t[:, None] * torch.exp(-math.log(10000) * torch.arange(count, device=t.device) / count)
    return angles.sin(), angles.cos()


class TimeEmbedding(nn.Module):
    def __init__(self, dim, hidden=32):
        super().__init__()
        self.dim = dim
        self.fc1, self.fc2 = nn.Linear(1, hidden), nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, dim - dim // 2)

    def forward(self, t):
        learned = self.fc3(F.relu(self.fc2(F.relu(self.fc1(t[:, None])))))
        return torch.cat([*sinusoids(t, self.dim // 4), learned], 1)


class ResNetBlock(nn.Module):
    def __init__(self, channels, time):
        super().__init__()
        self.Conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.Conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        if time:
            self.te = TimeEmbedding(channels)
        self.time = time

    def forward(self, x, t):
        y = self.Conv1(x)
        if self.time:
            y = y + self.te(t)[:, :, None, None]
        return x + self.Conv2(F.leaky_relu(F.layer_norm(y, y.shape[1:]), 0.2))


class ResNet(nn.Module):
    def __init__(self, hidden=128, blocks=2, time=True):
        super().__init__()
        self.Open = nn.Conv2d(3, hidden, 1)
        self.blocks = nn.ModuleList(ResNetBlock(hidden, time) for _ in range(blocks))
        self.Close = nn.Conv2d(hidden, 3, 1)

    def forward(self, x, t):
        x = self.Open(x)
        for block in self.blocks:
            x = block(x, t)
        return self.Close(x)


class WithTime(nn.Sequential):
    """Its blocks see the embedded time, its other parts do not."""

    def forward(self, x, embedding):
        for part in self:
            x = part(x, embedding) if isinstance(part, UNetBlock) else part(x)
        return x


class UNetBlock(nn.Module):
    def __init__(self, channels_in, channels_out, embedded, groups=16):
        super().__init__()
        self.in_layers = nn.Sequential(nn.GroupNorm(groups, channels_in), nn.SiLU(),
                                       nn.Conv2d(channels_in, channels_out, 3, padding=1))
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embedded, channels_out))
        self.out_layers = nn.Sequential(nn.GroupNorm(groups, channels_out), nn.SiLU(), nn.Dropout(0.5),
                                        nn.Conv2d(channels_out, channels_out, 3, padding=1))
        same = channels_in == channels_out
        self.skip_connection = nn.Identity() if same else nn.Conv2d(channels_in, channels_out, 1)

    def forward(self, x, embedding):
        y = self.in_layers(x) + self.emb_layers(embedding)[:, :, None, None]
        return self.skip_connection(x) + self.out_layers(y)


class Attention(nn.Module):
    def __init__(self, channels, heads, groups=16):
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(groups, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = nn.Conv1d(channels, channels, 1)

    def forward(self, x):
        n, c, h, w = x.shape
        tokens = x.reshape(n, c, h * w)
        q, k, v = self.qkv(self.norm(tokens)).reshape(n * self.heads, -1, h * w).chunk(3, 1)
        weights = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(q.shape[1]), -1)
        mixed = (v @ weights.transpose(1, 2)).reshape(n, c, h * w)
        return x + self.proj_out(mixed).reshape(x.shape)


class Halve(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x):
        return self.op(x)


class Double(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


class UNet(nn.Module):
    def __init__(self, channels=32, multipliers=(1, 2, 4), blocks=1, heads=1):
        super().__init__()
        embedded, self.channels = 4 * channels, channels
        self.time_embed = nn.Sequential(nn.Linear(channels, embedded), nn.SiLU(), nn.Linear(embedded, embedded))
        down, kept = [WithTime(nn.Conv2d(3, channels, 3, padding=1))], [channels]
        for level, multiplier in enumerate(multipliers):
            wide = multiplier * channels
            for _ in range(blocks):
                down.append(WithTime(UNetBlock(kept[-1], wide, embedded)))
                kept.append(wide)
            if level + 1 < len(multipliers):
                down.append(WithTime(Halve(wide)))
                kept.append(wide)
        self.input_blocks = nn.ModuleList(down)
        below = kept[-1]
        self.middle_block = WithTime(UNetBlock(below, below, embedded), Attention(below, heads),
                                     UNetBlock(below, below, embedded))
        up = []
        for level in reversed(range(len(multipliers))):
            wide = multipliers[level] * channels
            for i in range(blocks + 1):
                parts = [UNetBlock(below + kept.pop(), wide, embedded)]
                if level > 0 and i == blocks:
                    parts.append(Double(wide))
                up.append(WithTime(*parts))
                below = wide
        self.output_blocks = nn.ModuleList(up)
        self.out = nn.Sequential(nn.GroupNorm(16, below), nn.SiLU(), nn.Conv2d(below, 3, 3, padding=1))

    def forward(self, x, t):
        sines, cosines = sinusoids(t, self.channels // 2)
        embedding = self.time_embed(torch.cat([cosines, sines], 1))
        kept = []
        for block in self.input_blocks:
            x = block(x, embedding)
            kept.append(x)
        x = self.middle_block(x, embedding)
        for block in self.output_blocks:
            x = block(torch.cat([x, kept.pop()], 1), embedding)
        return self.out(x)


class SRNet(nn.Module):
    def __init__(self, hidden=64):
        super().__init__()
        sizes = [(3, hidden, 5), (hidden, hidden, 3), (hidden, 32, 3), (32, 32, 3)]
        self.conv_layers = nn.ModuleList(nn.Conv2d(i, o, k, padding=k // 2) for i, o, k in sizes)
        self.output_conv = nn.Conv2d(32, 3, 1)

    def forward(self, x, _):
        upsampled = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        y = upsampled
        for convolution in self.conv_layers:
            y = convolution(y)
            y = F.leaky_relu(F.layer_norm(y, y.shape[1:]), 0.2)
        return upsampled + self.output_conv(y)


class ESPCN(nn.Module):
    def __init__(self, scale=2):
        super().__init__()
        self.scale = scale
        self.conv1 = nn.Conv2d(3, 64, 5, padding=2)
        self.conv2 = nn.Conv2d(64, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 3 * scale**2, 3, padding=1)

    def forward(self, x, _):
        x = self.conv3(torch.tanh(self.conv2(torch.tanh(self.conv1(x)))))
        return F.pixel_shuffle(x, self.scale)
