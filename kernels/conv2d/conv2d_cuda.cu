// SPDX-License-Identifier: MIT
// Which variant computes a convolution, where the caller leaves the choice.
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_passes.h"
#include "kernels/precision.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

template <class T>
struct Functions {
  decltype(&naive_forward<T>) forward;
  decltype(&naive_input_gradient<T>) input_gradient;
  decltype(&naive_weight_gradient<T>) weight_gradient;
};

template <class T>
Functions<T> functions_of(Conv2dVariant variant) {
#define TELESCOPE_CASE(name) \
  case Conv2dVariant::name:  \
    return { name##_forward<T>, name##_input_gradient<T>, name##_weight_gradient<T> }
  switch (variant) {
    TELESCOPE_CASE(naive);
    TELESCOPE_CASE(tiled);
    TELESCOPE_CASE(implicit_gemm);
    TELESCOPE_CASE(tensor_core);
    default:
      raise("conv2d", "no kernel for the variant {}", name_of(variant));
  }
#undef TELESCOPE_CASE
}

// For sums over c channels and the kernel's taps that make images of h x w pixels. By reckoning, not
// yet by measurement:
//   tensor_core    where the precision allows it (of what is stored as bf16: always) and a sum has the
//                  16 products that fill a slice
//   naive          1 x 1 on up to 4 channels: the result's bytes count, not the few products
//   tiled          larger kernels on up to 4 channels, which would leave most of a chunk of the
//                  matrix product empty; on images that fill a tile
//   implicit_gemm  everything else
template <class T>
Conv2dVariant chosen(Conv2dVariant variant, const Conv2dShape& shape, std::int64_t c,
                     std::int64_t h, std::int64_t w) {
  if (variant != Conv2dVariant::automatic) return variant;
  const std::int64_t taps = shape.r * shape.s;
  const bool rounds = std::is_same_v<T, bfloat16> || precision() != Precision::fp32;
  if (rounds && c * taps >= 16) return Conv2dVariant::tensor_core;
  if (c * taps <= 4) return Conv2dVariant::naive;
  if (c <= 4 && taps <= 25 && shape.stride <= 2 && h >= 8 && w >= 16) return Conv2dVariant::tiled;
  return Conv2dVariant::implicit_gemm;
}

}  // namespace

template <class T>
void conv2d_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                    const Wide<T>* weight, const Conv2dEpilogue<T>& epilogue, T* y,
                    Conv2dVariant variant) {
  if (shape.n * shape.k == 0) return;
  const auto by = chosen<T>(variant, shape, shape.c, shape.out_h(), shape.out_w());
  functions_of<T>(by).forward(stream, shape, x, weight, epilogue.bias, y);
  add_after_bias(stream, shape, epilogue, y);
}

template <class T>
void conv2d_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                           const Wide<T>* weight, bool accumulate, T* dx, Conv2dVariant variant) {
  if (shape.n * shape.c == 0) return;
  const auto by = chosen<T>(variant, shape, shape.k, shape.h, shape.w);
  overwrite_or_add(stream, shape, accumulate, dx, [&](T* to) {
    functions_of<T>(by).input_gradient(stream, shape, dy, weight, to);
  });
}

template <class T>
void conv2d_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                            Wide<T>* dweight, Wide<T>* dbias, Conv2dVariant variant) {
  if (shape.n * shape.k == 0 || (!dweight && !dbias)) return;
  // A sum over all pixels: never by one thread.
  auto by = chosen<T>(variant, shape, shape.c, shape.out_h(), shape.out_w());
  if (variant == Conv2dVariant::automatic && by == Conv2dVariant::naive) by = Conv2dVariant::tiled;
  functions_of<T>(by).weight_gradient(stream, shape, x, dy, dweight, dbias);
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void conv2d_forward(const Stream&, const Conv2dShape&, const T*, const Wide<T>*,        \
                               const Conv2dEpilogue<T>&, T*, Conv2dVariant);                       \
  template void conv2d_input_gradient(const Stream&, const Conv2dShape&, const T*, const Wide<T>*, \
                                      bool, T*, Conv2dVariant);                                    \
  template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*,      \
                                       Wide<T>*, Wide<T>*, Conv2dVariant);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
