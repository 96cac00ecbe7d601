// SPDX-License-Identifier: MIT
// Losses. y and target have one shape [N,...] and dtype, else Error; both get gradients if they
// want one. `_per_sample` functions return [N], the others a scalar of shape {}. Either may be bf16
// where the other is f32; losses are f32 then.
#pragma once

#include "core/tensor.h"

namespace telescope {

/// Mean of (y - target)^2 over each sample. Saved: y, target. 3 FLOP an element.
Tensor mse_per_sample(const Tensor& y, const Tensor& target);
/// Mean of (y - target)^2 over all elements.
Tensor mse_loss(const Tensor& y, const Tensor& target);

/// Mean of |y - target| over each sample; its slope at 0 is 0. Saved: y, target.
Tensor l1_per_sample(const Tensor& y, const Tensor& target);
/// Mean of |y - target| over all elements.
Tensor l1_loss(const Tensor& y, const Tensor& target);

/// Structural similarity of images [N,H,W,C] whose values span `range`, one value per image: 11x11
/// Gaussian window of sigma 1.5, images zero outside, C1 = (0.01 range)^2, C2 = (0.03 range)^2,
/// mean over pixels and channels. 1 for equal images. Saved: a, b and four maps of their size.
/// About 190 FLOP an element. Wang, Bovik, Sheikh, Simoncelli 2004.
Tensor ssim_per_sample(const Tensor& a, const Tensor& b, double range = 1);
/// 1 - the mean similarity of the batch.
Tensor ssim_loss(const Tensor& a, const Tensor& b, double range = 1);

}  // namespace telescope
