// SPDX-License-Identifier: MIT
// Losses. y and target have one shape [N,...] and dtype, else Error; both get gradients if they
// want one. `_per_sample` functions return [N], the others a scalar of shape {}.
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

}  // namespace telescope
