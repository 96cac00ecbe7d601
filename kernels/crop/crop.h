// SPDX-License-Identifier: MIT
// Crops of pictures that rest on the device as bytes: the first step of every batch.
#pragma once

#include <cstdint>

#include "core/device.h"

namespace telescope::kernels {

/// `count` pictures of h x w pixels, of which `n` crops of size x size are taken.
struct CropShape {
  std::int64_t count = 0, h = 0, w = 0, n = 0, size = 0;
};

/// y[i, r, j, c] = pictures[p, top + r, left + (mirror ? size - 1 - j : j), c] / 127.5 - 1 with
/// (p, top, left, mirror) = crops[i]: pictures [count, h, w, 3] of red, green and blue, crops
/// [n, 4], y [n, size, size, 3]. Divided and subtracted in float, rounded twice: the same bits on
/// every device. Crops lie within their pictures: Error on the CPU, else nobody looks. Reads n size^2
/// 3 bytes and writes 4 times as many.
void crop_pictures(const Stream& stream, const CropShape& shape, const std::uint8_t* pictures,
                   const std::int64_t* crops, float* y);

}  // namespace telescope::kernels
