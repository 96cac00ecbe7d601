// SPDX-License-Identifier: MIT
// For text that is compiled for the host and for GPUs: definitions of numbers that have to come out
// in the same bits on both.
#pragma once

#include <cmath>

#if defined(__CUDACC__)
#define TELESCOPE_HOST_DEVICE __host__ __device__
#else
#define TELESCOPE_HOST_DEVICE
#endif

namespace telescope::kernels::rounded {

// Each operation rounded by itself: compilers for GPUs fuse a * b + c unless they are told not to.
// (The host's are told so for whole files.)
TELESCOPE_HOST_DEVICE inline float sum(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fadd_rn(a, b);
#else
  return a + b;
#endif
}
TELESCOPE_HOST_DEVICE inline float product(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fmul_rn(a, b);
#else
  return a * b;
#endif
}
TELESCOPE_HOST_DEVICE inline float quotient(float a, float b) {
#if defined(__CUDA_ARCH__)
  return __fdiv_rn(a, b);
#else
  return a / b;
#endif
}
TELESCOPE_HOST_DEVICE inline float root(float a) {
#if defined(__CUDA_ARCH__)
  return __fsqrt_rn(a);
#else
  return std::sqrt(a);
#endif
}

}  // namespace telescope::kernels::rounded
