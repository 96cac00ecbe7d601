// SPDX-License-Identifier: MIT
// Where f32 and bf16 meet. Under kernels::Precision::bf16 convolutions on a device store their results
// as bf16, and whatever works on those keeps the type; parameters, statistics, losses and everything
// that is not an image's features stay f32. No network names a type.
#pragma once

#include <vector>

#include "core/tensor.h"

namespace telescope {

/// x as elements of another floating-point type, rounded to nearest even: x itself if it has that
/// type. The gradient is converted back to the type of x. Nothing is saved. f32, f64, bf16.
Tensor cast(const Tensor& x, DType dtype);

/// All cast to f32 if some are f32 and others bf16; else as they are, for the caller to compare.
std::vector<Tensor> in_common_type(std::vector<Tensor> tensors);

}  // namespace telescope
