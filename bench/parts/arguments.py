# SPDX-License-Identifier: MIT
"""What several parts take from the command line, and hand on."""
import argparse

MODELS = ("resnet", "unet", "srnet")


def add_models(parser):
    parser.add_argument("--models", type=models, default=",".join(MODELS), help="default: %(default)s")


def models(text):
    names = text.split(",")
    if not set(names) <= set(MODELS):
        raise argparse.ArgumentTypeError(f"expected some of {','.join(MODELS)}, got '{text}'")
    return names


def numbers(text, count, separator=","):
    """So many positive numbers."""
    parts = text.split(separator)
    if len(parts) != count or not all(part.isdigit() and int(part) for part in parts):
        raise argparse.ArgumentTypeError(f"expected {count} positive numbers with '{separator}' between, got '{text}'")
    return tuple(map(int, parts))


def positive(text):
    return numbers(text, 1)[0]


def flags(**values):
    """Words of a command line, without those that are None."""
    return [word for name, value in values.items() if value is not None for word in (f"--{name}", str(value))]
