// SPDX-License-Identifier: MIT
#pragma once

#include "core/tensor.h"

namespace telescope {

struct Conv2dOptions {
  std::int64_t stride = 1, padding = 0;
};

/// Two-dimensional convolution (cross-correlation), zero padding:
///   y[n, i, j, k] = bias[k] + sum over r, s, c of
///                     x[n, i stride + r - padding, j stride + s - padding, c] weight[k, r, s, c].
/// x [N,H,W,C], weight [K,R,S,C], bias [K] or undefined; y [N,H',W',K] with
/// H' = floor((H + 2 padding - R) / stride) + 1. f32, f64. Saved: x, weight.
/// 2 N H' W' K R S C FLOP forward, twice that backward. On cuda and cuda-sim f32 alone. Which kernel
/// computes it: kernels::set_conv2d_variant(); how exactly on a GPU: kernels::set_precision().
Tensor conv2d(const Tensor& x, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options = {});

}  // namespace telescope
