// SPDX-License-Identifier: MIT
#pragma once

#include "core/tensor.h"

namespace telescope {

/// y[n, o] = bias[o] + sum over i of x[n, i] weight[o, i]. x [N,in], weight [out,in], bias [out] or
/// undefined; y [N,out]. f32, f64; an x of bf16 is cast to f32, and so is what comes of it: these are
/// products of embeddings, a few numbers a sample. Saved: x, weight.
Tensor linear(const Tensor& x, const Tensor& weight, const Tensor& bias);

/// Matrix product: a [M,K], b [K,N]; result [M,N]. f32, f64; bf16 is cast to f32. Saved: a, b.
Tensor matmul(const Tensor& a, const Tensor& b);

}  // namespace telescope
