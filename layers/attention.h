// SPDX-License-Identifier: MIT
// Softmax, and the attention of every pixel to every other. f32, f64, bf16 (on devices; exponentials,
// sums and products in f32).
#pragma once

#include "core/tensor.h"

namespace telescope {

/// y = exp(x) / sum exp(x) over the last extent. x of rank 1 or more, with elements. Saved: y.
Tensor softmax(const Tensor& x);

/// Attention of every token to every other, in `heads` heads of C/heads channels: with queries,
/// keys and values q, k, v of a head,
///   y[i] = sum_j softmax_j(q[i] . k[j] / sqrt(C/heads)) v[j].
/// qkv [N,T,3C]: a token holds head after head, of each its q, its k, its v; y [N,T,C] head after
/// head. Error unless heads divide C. Saved: qkv, y and two numbers per token and head; the T x T
/// weights are never in memory. 4 N T^2 C FLOP, backward 10. Vaswani et al. 2017.
Tensor qkv_attention(const Tensor& qkv, std::int64_t heads = 1);

}  // namespace telescope
