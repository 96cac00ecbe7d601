// SPDX-License-Identifier: MIT
// What every variant of the convolution on a GPU defines, for activations T of f32 and bf16 with
// parameters of f32: the three functions of conv2d.h, for a shape that is valid and has elements, in
// conv2d_<variant>_cuda.cu. conv2d_cuda.cu chooses among them.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// y = bias + ..., dx = ... overwrite; dweight += ..., dbias += ... accumulate. bias, dweight and
/// dbias may be null.
#define TELESCOPE_CONV2D_VARIANT(variant)                                                          \
  template <class T>                                                                               \
  void variant##_forward(const Stream&, const Conv2dShape& shape, const T* x, const float* weight, \
                         const float* bias, T* y);                                                 \
  template <class T>                                                                               \
  void variant##_input_gradient(const Stream&, const Conv2dShape& shape, const T* dy,              \
                                const float* weight, T* dx);                                       \
  template <class T>                                                                               \
  void variant##_weight_gradient(const Stream&, const Conv2dShape& shape, const T* x, const T* dy, \
                                 float* dweight, float* dbias);
TELESCOPE_CONV2D_VARIANT(naive)
TELESCOPE_CONV2D_VARIANT(tiled)
TELESCOPE_CONV2D_VARIANT(implicit_gemm)
TELESCOPE_CONV2D_VARIANT(tensor_core)
#undef TELESCOPE_CONV2D_VARIANT

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE

/// The definitions of a variant, for activations of type T.
#define TELESCOPE_INSTANTIATE_CONV2D(variant, T)                                                 \
  template void variant##_forward(const Stream&, const Conv2dShape&, const T*, const float*,     \
                                  const float*, T*);                                             \
  template void variant##_input_gradient(const Stream&, const Conv2dShape&, const T*,            \
                                         const float*, T*);                                      \
  template void variant##_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*, \
                                          float*, float*);
