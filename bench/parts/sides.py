# SPDX-License-Identifier: MIT
"""Both sides of a comparison: their programs, run alike, and what can be told of the machine."""
import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PEERS = pathlib.Path(__file__).resolve().parents[1] / "peers"

ASK_TORCH = """
import torch
libraries = {line.split()[-1] for line in open("/proc/self/maps") if ".so" in line}
print(torch.__version__)
print(*sorted(path for path in libraries if "blas" in path.rsplit("/", 1)[-1]))
"""


@dataclasses.dataclass
class Sides:
    """Where both sides' programs are, and how they are run: on the same cores, with as many threads."""
    build: pathlib.Path
    threads: int
    rounds: int
    quick: bool
    python: str = ""  # one that has torch; "": none
    torch: str = ""  # its version
    blas: str = ""  # the library that multiplies its matrices, where that is one of its own

    def ours(self, program, *arguments):
        """Standard output of a program of the build folder, "bench/bench.conv2d"."""
        packed = [str(self.build / "run")] if (self.build / "run").exists() else []  # made by tests/gpu --pack
        return self.run(packed + [str(self.build / program), *map(str, arguments)])

    def ours_json(self, program, *arguments):
        return json.loads(self.ours(program, *arguments).splitlines()[-1])

    def peer(self, script, *arguments):
        """What a script of bench/peers reports."""
        return json.loads(self.run([self.python, str(PEERS / script), *map(str, arguments)]).splitlines()[-1])

    def run(self, command):
        cores = sorted(os.sched_getaffinity(0))[:self.threads]
        environment = dict(os.environ, OMP_NUM_THREADS=str(self.threads), PYTHONDONTWRITEBYTECODE="1")
        try:
            out = subprocess.run(command, env=environment, text=True, capture_output=True,
                                 preexec_fn=lambda: os.sched_setaffinity(0, cores))
        except OSError as error:
            sys.exit(f"compare: cannot run {command[0]}: {error.strerror}")
        if out.returncode:
            sys.exit(f"compare: {' '.join(command)}\n{out.stderr.strip() or out.stdout.strip()}")
        return out.stdout

    def find_torch(self):
        """Looks for a Python that has torch: $PYTHON, this one, python3, /usr/bin/python3."""
        for python in (os.environ.get("PYTHON", ""), sys.executable, "python3", "/usr/bin/python3"):
            try:
                out = subprocess.run([python, "-c", ASK_TORCH], capture_output=True, text=True)
            except OSError:
                continue
            if out.returncode == 0:
                self.python, (self.torch, self.blas) = python, out.stdout.split("\n")[:2]
                return

    def remarks(self):
        """What a reader of the figures should know of the peer, a line each."""
        if not self.python:
            return ["no Python with torch here: ours alone (Debian: python3-torch)"]
        if any(os.path.realpath(path).split("/")[-2] == "blas" for path in self.blas.split()):
            return [f"torch {self.torch} multiplies matrices with the reference BLAS ({self.blas}), so that its UNet "
                    "crawls; Debian: libopenblas0-pthread"]
        return []

    def roofline(self):
        """Peaks as `telescope profile` measures them: f32 multiply-adds in registers, and a copy, on all threads."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "profile.json"
            self.ours("apps/telescope", "profile", "--operation", "add", "--shape", "1,1,1,1", "--steps", 1, "--device",
                      "cpu", "--json", path)
            return json.loads(path.read_text())["roofline"]

    def peak(self):
        """FLOP a second."""
        return self.roofline()["flop_per_second"]

    def machine(self):
        """What `telescope info` tells of ours and of the machine, and the peer's versions."""
        info = (line.partition("  ") for line in self.ours("apps/telescope", "info").splitlines())
        return {**{name: text.strip() for name, _, text in info}, "torch": self.torch, "blas": self.blas,
                "roofline": self.roofline()}
