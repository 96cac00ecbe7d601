// SPDX-License-Identifier: MIT
#pragma once

#include "core/tensor.h"

namespace telescope {

/// Crops of size x size out of pictures u8 [count,H,W,3], as f32 [N,size,size,3] in [-1, 1]: a byte
/// u becomes u / 127.5 - 1. crops i64 [N,4], a row for each sample: the number of the picture, top,
/// left, and not 0 for mirrored left to right. All on one device. Not differentiable. Error if the
/// shapes do not fit; whether the crops lie within their pictures is looked at on the CPU only.
Tensor crop_pictures(const Tensor& pictures, const Tensor& crops, std::int64_t size);

}  // namespace telescope
