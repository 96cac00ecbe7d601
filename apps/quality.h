// SPDX-License-Identifier: MIT
// How close images are to what they should be.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace telescope::app {

/// Of an image, or means over a set: squared error of images in [-1, 1], PSNR in dB for the range of
/// 2 (infinite for equal images), and structural similarity.
struct Quality {
  double mse = 0, psnr = 0, ssim = 0;
};

/// One for each image of y [N,H,W,C] against the target, of the same shape.
std::vector<Quality> qualities(const Tensor& y, const Tensor& target);

}  // namespace telescope::app
