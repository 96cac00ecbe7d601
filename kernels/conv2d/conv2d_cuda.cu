// SPDX-License-Identifier: MIT
// Which variant computes a convolution, where the caller leaves the choice.
#include "kernels/conv2d/conv2d_cuda.h"

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
    default:
      raise("conv2d", "no kernel for the variant {}", name_of(variant));
  }
#undef TELESCOPE_CASE
}

Conv2dVariant chosen(Conv2dVariant variant) {
  return variant == Conv2dVariant::automatic ? Conv2dVariant::naive : variant;
}

}  // namespace

template <class T>
void conv2d_forward(const Stream& stream, const Conv2dShape& shape, const T* x, const T* weight,
                    const T* bias, T* y, Conv2dVariant variant) {
  if (shape.n * shape.k == 0) return;
  functions_of<T>(chosen(variant)).forward(stream, shape, x, weight, bias, y);
}

template <class T>
void conv2d_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                           const T* weight, T* dx, Conv2dVariant variant) {
  if (shape.n * shape.c == 0) return;
  functions_of<T>(chosen(variant)).input_gradient(stream, shape, dy, weight, dx);
}

template <class T>
void conv2d_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                            T* dweight, T* dbias, Conv2dVariant variant) {
  if (shape.n * shape.k == 0 || (!dweight && !dbias)) return;
  functions_of<T>(chosen(variant)).weight_gradient(stream, shape, x, dy, dweight, dbias);
}

#define TELESCOPE_INSTANTIATE(T)                                                                  \
  template void conv2d_forward(const Stream&, const Conv2dShape&, const T*, const T*, const T*,   \
                               T*, Conv2dVariant);                                                \
  template void conv2d_input_gradient(const Stream&, const Conv2dShape&, const T*, const T*, T*,  \
                                      Conv2dVariant);                                             \
  template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*, T*, \
                                       T*, Conv2dVariant);
TELESCOPE_INSTANTIATE(float)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
