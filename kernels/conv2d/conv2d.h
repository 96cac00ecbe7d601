// SPDX-License-Identifier: MIT
// Two-dimensional convolution (cross-correlation, as in every deep-learning library) and its
// gradients. NHWC; weights [K, R, S, C]; zero padding; no dilation, no groups.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"
#include "core/shape.h"
#include "kernels/backend.h"
#include "kernels/conv2d/conv2d_variant.h"

namespace telescope::kernels {

/// N images of H x W x C, K output channels, a kernel of R x S.
struct Conv2dShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  std::int64_t k = 0, r = 0, s = 0;
  std::int64_t stride = 1, padding = 0;

  constexpr std::int64_t out_h() const { return (h + 2 * padding - r) / stride + 1; }
  constexpr std::int64_t out_w() const { return (w + 2 * padding - s) / stride + 1; }
  /// Whether the kernel fits into the padded image at least once.
  constexpr bool valid() const { return h + 2 * padding >= r && w + 2 * padding >= s; }
  Shape input_shape() const { return {n, h, w, c}; }
  Shape weight_shape() const { return {k, r, s, c}; }
  Shape output_shape() const { return {n, out_h(), out_w(), k}; }
  /// Of each of the three functions below.
  constexpr std::int64_t flop() const { return 2 * n * out_h() * out_w() * k * r * s * c; }
  /// Read and written by each of the three, activations stored as T.
  template <class T>
  constexpr std::int64_t bytes() const {
    return (n * h * w * c + n * out_h() * out_w() * k) * std::int64_t{sizeof(T)} +
           k * r * s * c * std::int64_t{sizeof(Wide<T>)};
  }
};

/// What conv2d_forward adds to its sums, each null for nothing: a bias [K], an offset [N, K] that is
/// one number for each image and channel, and a residual of y's shape, which must not overlap y.
template <class T>
struct Conv2dEpilogue {
  const Wide<T>* bias = nullptr;
  const Wide<T>* offset = nullptr;
  const T* residual = nullptr;
};

/// All three take the way to compute (conv2d_variant.h) and refuse one that the device or the shape
/// does not have; ways differ in rounding only. They are ours: the vendor's backend (backend.h),
/// which chooses by itself, is refused a variant that is asked for by name.
///
/// T is float, double or bfloat16. With bf16 activations the parameters and their gradients are f32
/// (Wide<T>), and so are all sums; the tensor cores multiply weights rounded to bf16.

/// y[n, i, j, k] = bias[k] + offset[n, k] + residual[n, i, j, k] + sum over r, s, c of
///                   x[n, i stride + r - padding, j stride + s - padding, c] weight[k, r, s, c],
/// where x is 0 outside the image. Overwrites y. The CPU adds as it stores the sums; elsewhere the
/// offset and the residual are added to y in passes of their own, rounded to T each time.
template <class T>
void conv2d_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                    const Wide<T>* weight, const Conv2dEpilogue<T>& epilogue, T* y,
                    Conv2dVariant variant = Conv2dVariant::automatic, Backend by = backend());

/// dx[n, h, w, c] = sum over all (i, j, k, r, s) that read x[n, h, w, c] of
///                    dy[n, i, j, k] weight[k, r, s, c]. Overwrites dx, or adds to it.
template <class T>
void conv2d_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                           const Wide<T>* weight, bool accumulate, T* dx,
                           Conv2dVariant variant = Conv2dVariant::automatic,
                           Backend by = backend());

/// dweight[k, r, s, c] += sum over n, i, j of
///                          dy[n, i, j, k] x[n, i stride + r - padding, j stride + s - padding, c],
/// dbias[k] += sum over n, i, j of dy[n, i, j, k]. Accumulates; either may be null. Saved: x.
template <class T>
void conv2d_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                            Wide<T>* dweight, Wide<T>* dbias,
                            Conv2dVariant variant = Conv2dVariant::automatic,
                            Backend by = backend());

}  // namespace telescope::kernels
