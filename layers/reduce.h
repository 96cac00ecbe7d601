// SPDX-License-Identifier: MIT
// Sums and means, and the sum of an image with a vector per sample. dtypes f32 and f64, and bf16 on
// devices, whose sums and means are f32; sums are taken in double and in an order that does not depend
// on the number of threads.
#pragma once

#include "core/tensor.h"

namespace telescope {

/// Sum of all elements, of shape {}. Any shape, also an empty one (0).
Tensor sum(const Tensor& x);
/// Mean of all elements, of shape {}. Error if there are none.
Tensor mean(const Tensor& x);
/// Mean over all but the first extent: x [N, ...] gives [N]. Error if a sample has no elements.
Tensor mean_per_sample(const Tensor& x);
/// sum_n weights[n] x[n], of shape {}: how a loss per sample becomes one loss. x and weights [N];
/// no gradient flows to the weights, which are kept for backward.
Tensor weighted_sum(const Tensor& x, const Tensor& weights);
/// y[n,...,c] = x[n,...,c] + e[n,c] with x [N, ..., C] of rank 2 or more and e [N, C]: how a
/// network is told the time. Gradients for both; nothing is saved. e is f32 beside an x of bf16.
Tensor add_per_channel(const Tensor& x, const Tensor& e);

}  // namespace telescope
