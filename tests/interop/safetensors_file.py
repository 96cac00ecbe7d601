# SPDX-License-Identifier: MIT
"""load_file and save_file of safetensors.torch; where that module is absent, the same for tensors of f32."""
import json
import struct

import torch

try:
    from safetensors.torch import load_file, save_file
except ImportError:

    def load_file(path):
        with open(path, "rb") as file:
            data = bytearray(file.read())
        (length,) = struct.unpack("<Q", data[:8])
        tensors = {}
        for name, entry in json.loads(data[8:8 + length]).items():
            if name == "__metadata__":
                continue
            assert entry["dtype"] == "F32", f"{name} is {entry['dtype']}, expected F32"
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            tensors[name] = torch.frombuffer(data[begin:end], dtype=torch.float32).reshape(entry["shape"])
        return tensors

    def save_file(tensors, path):
        header, end = {}, 0
        for name, tensor in tensors.items():
            begin, end = end, end + 4 * tensor.numel()
            header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [begin, end]}
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for tensor in tensors.values():
                file.write(tensor.detach().float().contiguous().numpy().tobytes())
