# SPDX-License-Identifier: MIT
"""Pictures of noise, as PNG: a set to train on that costs nothing to make or to read."""
import os
import struct
import zlib


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def write_pictures(folder, size, count=40):
    """So many square pictures of 8-bit RGB."""
    for i in range(count):
        rows = b"".join(b"\0" + os.urandom(3 * size) for _ in range(size))
        header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
        (folder / f"{i}.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) +
                                          chunk(b"IDAT", zlib.compress(rows, 1)) + chunk(b"IEND", b""))
