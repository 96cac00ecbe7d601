// SPDX-License-Identifier: MIT
// Channels become pixels: the last step of sub-pixel convolution (Shi et al., "Real-time single
// image and video super-resolution using an efficient sub-pixel convolutional neural network",
// 2016).
#pragma once

#include <cstdint>

#include "core/device.h"

namespace telescope::kernels {

/// x is [n, h, w, c r r], y is [n, h r, w r, c].
struct PixelShuffleShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0, r = 1;
  std::int64_t size() const { return n * h * w * c * r * r; }
};

/// y[n, h r + i, w r + j, c] = x[n, h, w, c r r + i r + j]: PyTorch's order of the channels.
template <class T>
void pixel_shuffle(const Stream& stream, const PixelShuffleShape& shape, const T* x, T* y);
/// The inverse, which is the adjoint too; overwrites dx. Nothing is saved.
template <class T>
void pixel_shuffle_backward(const Stream& stream, const PixelShuffleShape& shape, const T* dy,
                            T* dx);

}  // namespace telescope::kernels
