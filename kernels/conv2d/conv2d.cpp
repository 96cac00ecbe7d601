// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T>
    void conv2d_forward(const Stream&, const Conv2dShape& shape, const T* x, const T* weight,
                        const T* bias, T* y, Conv2dVariant variant);
    template <class T>
    void conv2d_input_gradient(const Stream&, const Conv2dShape& shape, const T* dy,
                               const T* weight, T* dx, Conv2dVariant variant);
    template <class T>
    void conv2d_weight_gradient(const Stream&, const Conv2dShape& shape, const T* x, const T* dy,
                                T* dweight, T* dbias, Conv2dVariant variant);)

template <class T>
void conv2d_forward(const Stream& stream, const Conv2dShape& shape, const T* x, const T* weight,
                    const T* bias, T* y, Conv2dVariant variant) {
  const Scope scope("conv2d", shape.flop(), shape.elements() * std::int64_t{sizeof(T)});
  check_conv2d_variant(variant, stream.device(), shape, dtype_of<T>);
  TELESCOPE_DISPATCH(stream, conv2d_forward, shape, x, weight, bias, y, variant);
}

template <class T>
void conv2d_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                           const T* weight, T* dx, Conv2dVariant variant) {
  const Scope scope("conv2d_input_gradient", shape.flop(),
                    shape.elements() * std::int64_t{sizeof(T)});
  check_conv2d_variant(variant, stream.device(), shape, dtype_of<T>);
  TELESCOPE_DISPATCH(stream, conv2d_input_gradient, shape, dy, weight, dx, variant);
}

template <class T>
void conv2d_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                            T* dweight, T* dbias, Conv2dVariant variant) {
  const Scope scope("conv2d_weight_gradient", shape.flop(),
                    shape.elements() * std::int64_t{sizeof(T)});
  check_conv2d_variant(variant, stream.device(), shape, dtype_of<T>);
  TELESCOPE_DISPATCH(stream, conv2d_weight_gradient, shape, x, dy, dweight, dbias, variant);
}

#define TELESCOPE_INSTANTIATE(T)                                                                  \
  template void conv2d_forward(const Stream&, const Conv2dShape&, const T*, const T*, const T*,   \
                               T*, Conv2dVariant);                                                \
  template void conv2d_input_gradient(const Stream&, const Conv2dShape&, const T*, const T*, T*,  \
                                      Conv2dVariant);                                             \
  template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*, T*, \
                                       T*, Conv2dVariant);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
