// SPDX-License-Identifier: MIT
#pragma once

#include "core/tensor.h"

namespace telescope {

struct Conv2dOptions {
  std::int64_t stride = 1, padding = 0;
};

/// What a convolution adds to its result as it writes it; either may be undefined.
struct Conv2dTerms {
  Tensor offset = {};    ///< [N,K], to all pixels of an image: how a network is told the time
  Tensor residual = {};  ///< [N,H',W',K]
};

/// Two-dimensional convolution (cross-correlation), zero padding:
///   y[n, i, j, k] = bias[k] + offset[n, k] + residual[n, i, j, k] + sum over r, s, c of
///                     x[n, i stride + r - padding, j stride + s - padding, c] weight[k, r, s, c].
/// x [N,H,W,C], weight [K,R,S,C], bias [K] or undefined; y [N,H',W',K] with
/// H' = floor((H + 2 padding - R) / stride) + 1. f32, f64 (on the CPU), or x and y bf16 with weight,
/// bias and offset f32 (on cuda and cuda-sim); a residual of f32 makes y f32. Saved: x, weight.
/// 2 N H' W' K R S C FLOP forward, twice that backward. Which kernel computes it:
/// kernels::set_conv2d_variant(); how exactly on a GPU: kernels::set_precision(), by which an x of
/// f32 may be cast to bf16, and y comes as bf16.
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options = {}, const Conv2dTerms& plus = {});

}  // namespace telescope
