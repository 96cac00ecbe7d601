// SPDX-License-Identifier: MIT
// Convolution on the tensor cores with everything chosen by hand: what the chooser of conv2d.h, the
// fused layers and the tests call.
#pragma once

#include "core/device.h"
#include "kernels/conv2d/conv2d.h"

namespace telescope::kernels {

/// What happens to a sum before it is stored: y = activation(sum + bias).
struct Epilogue {
  enum class Activation { none, leaky_relu, silu };
  Activation activation = Activation::none;
  float a = 0;  ///< slope of leaky_relu below 0
};

/// Outputs of one block (rows x columns of the matrix product); `automatic` takes the tile that
/// should be fastest for the shape. What a shape cannot use is not taken.
enum class TensorCoreTile {
  automatic,
  halo_n128,  ///< 8 x 16 outputs of an image or 2 x 8 x 8 of two, and so many channels
  halo_n64,
  halo_n32,
  m128n128,
  m128n64,
  m128n32,
  m64n64,
  m64n128,
  m32n128
};

/// As conv2d_forward and its gradients, T float (operands rounded to tf32: an error of 2^-11 of each
/// factor at most) or bfloat16 (the weights rounded to bf16, and the result once more), sums in f32. On
/// cuda and cuda-sim; Error elsewhere.
template <class T>
void conv2d_tensor_core_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                                const Wide<T>* weight, const Wide<T>* bias, T* y,
                                Epilogue epilogue = {},
                                TensorCoreTile tile = TensorCoreTile::automatic);
template <class T>
void conv2d_tensor_core_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                                       const Wide<T>* weight, T* dx,
                                       TensorCoreTile tile = TensorCoreTile::automatic);
template <class T>
void conv2d_tensor_core_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x,
                                        const T* dy, Wide<T>* dweight, Wide<T>* dbias,
                                        TensorCoreTile tile = TensorCoreTile::automatic);

}  // namespace telescope::kernels
