#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Registers, spills and shared memory of kernels, as ptxas tells them; needs nvcc, but no GPU.

    bench/registers.py build/cuda conv2d_tensor_core            # all files of that name, sm_90a
    bench/registers.py build/cuda conv2d --architecture sm_80

The build folder is one of a configured build with CUDA; its compiler and options are used. Static shared memory
only: dynamic shared memory is chosen at the launch. The exit code is 1 if any kernel spills.
"""
import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile


def compile_verbosely(entry, architecture, folder):
    """What ptxas says about the file of a compile_commands.json entry."""
    words = [w for w in shlex.split(entry["command"]) if not w.startswith("--generate-code")]
    for option in ("-o", "-MF", "-MT"):
        if option in words:
            at = words.index(option)
            del words[at:at + 2]
    words = [w for w in words if w not in ("-MD", "-c", "-x", "cu") and not w.endswith("ccache")]
    words += ["-x", "cu", "-cubin", "-arch=" + architecture, "-Xptxas", "-v", "-o", str(pathlib.Path(folder) / "out.cubin")]
    run = subprocess.run(words, cwd=entry["directory"], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"{entry['file']}: nvcc failed\n{run.stderr}")
    return run.stderr


def kernels_of(text):
    """(name, registers, stack, spilled, static shared memory) of every kernel in ptxas' words."""
    pattern = re.compile(r"Compiling entry function '(\S+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores, "
                         r"(\d+) bytes spill loads.*?Used (\d+) registers([^\n]*)", re.S)
    found = pattern.findall(text)
    names = subprocess.run(["c++filt"], input="\n".join(f[0] for f in found), capture_output=True, text=True).stdout
    for (_, stack, stores, loads, registers, rest), name in zip(found, names.splitlines()):
        shared = re.search(r"(\d+) bytes smem", rest)
        name = re.sub(r"\(anonymous namespace\)::|telescope::kernels::(cuda::)?|^void ", "", name)
        name = re.sub(r"\((bool|int|unsigned int)\)", "", name)
        yield name[:name.rfind("(")] if "(" in name else name, int(registers), int(stack), int(stores) + int(loads), \
            int(shared.group(1)) if shared else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build")
    parser.add_argument("name", help="part of the .cu files' names")
    parser.add_argument("--architecture", default="sm_90a")
    options = parser.parse_args()
    commands = pathlib.Path(options.build) / "compile_commands.json"
    if not commands.exists():
        sys.exit(f"{commands}: expected the compile commands of a build with CUDA, there are none")
    entries = [e for e in json.loads(commands.read_text())
               if e["file"].endswith(".cu") and options.name in pathlib.Path(e["file"]).name]
    if not entries:
        sys.exit(f"{commands}: expected a .cu file with '{options.name}' in its name, there is none")
    spilling = 0
    print(f"| kernel ({options.architecture}) | registers | stack | spilled bytes | static shared memory |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for entry in entries:
            for name, registers, stack, spilled, shared in sorted(kernels_of(compile_verbosely(entry, options.architecture, folder))):
                print(f"| `{name}` | {registers} | {stack} | {spilled} | {shared} |", flush=True)
                spilling += spilled > 0
    sys.exit(1 if spilling else 0)


if __name__ == "__main__":
    main()
