// SPDX-License-Identifier: MIT
// Scaled dot-product attention of all tokens to all (Vaswani et al. 2017), with queries, keys and
// values side by side in one array.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// n samples of `tokens` tokens; `heads` heads of `head_channels` channels each. A token of qkv
/// holds head after head, and of each head its query, its key and its value.
struct AttentionShape {
  std::int64_t n, tokens, heads, head_channels;

  std::int64_t channels() const { return heads * head_channels; }
  std::int64_t rows() const { return n * heads * tokens; }
  std::int64_t product_flop() const { return 2 * rows() * tokens * head_channels; }
};

/// In each head, over tokens i and j,
///   p[i, j] = softmax_j(q[i] . k[j] / sqrt(head_channels)),   y[i] = sum_j p[i, j] v[j].
/// Works on blocks of p: its tokens x tokens elements never are in memory.
///   qkv [n, tokens, 3 channels];  y [n, tokens, channels]
///   statistics [2, n, heads, tokens]: of every row of p the largest exponent, and 1 / (the sum of
///   exponentials relative to it)
/// Saved for backward: qkv, y, statistics.
template <class T>
void attention(const Stream& stream, const AttentionShape& shape, const T* qkv, T* y,
               Wide<T>* statistics);

/// With r[i] = dy[i] . y[i] and ds[i, j] = p[i, j] (dy[i] . v[j] - r[i]) / sqrt(head_channels),
///   dq[i] = sum_j ds[i, j] k[j],  dk[j] = sum_i ds[i, j] q[i],  dv[j] = sum_i p[i, j] dy[i];
/// overwrites dqkv, laid out as qkv.
template <class T>
void attention_backward(const Stream& stream, const AttentionShape& shape, const T* qkv, const T* y,
                        const Wide<T>* statistics, const T* dy, T* dqkv);

}  // namespace telescope::kernels
