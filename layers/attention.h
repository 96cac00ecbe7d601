// SPDX-License-Identifier: MIT
// Softmax, and the attention of every pixel to every other.
#pragma once

#include "core/tensor.h"

namespace telescope {

/// y = exp(x) / sum exp(x) over the last extent. x of rank 1 or more, with elements. Saved: y.
Tensor softmax(const Tensor& x);

}  // namespace telescope
