// SPDX-License-Identifier: MIT
// SiLU, x sigmoid(x), on devices. Not part of simt.h: for the kernels that need it.
#pragma once

#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

__device__ __forceinline__ float sigmoid_of(float x) { return 1 / (1 + expf(-x)); }

__device__ __forceinline__ float silu_of(float x) { return x * sigmoid_of(x); }

/// Its derivative, s (1 + x (1 - s)).
__device__ __forceinline__ float silu_slope_of(float x) {
  const float s = sigmoid_of(x);
  return s * (1 + x * (1 - s));
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
