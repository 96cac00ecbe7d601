// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

namespace cpu {
template <class T>
void conv2d_forward(const Conv2dShape& shape, const T* x, const T* weight, const T* bias, T* y,
                    Conv2dAlgorithm algorithm);
template <class T>
void conv2d_input_gradient(const Conv2dShape& shape, const T* dy, const T* weight, T* dx,
                           Conv2dAlgorithm algorithm);
template <class T>
void conv2d_weight_gradient(const Conv2dShape& shape, const T* x, const T* dy, T* dweight, T* dbias,
                            Conv2dAlgorithm algorithm);
}  // namespace cpu

template <class T>
void conv2d_forward(const Stream& stream, const Conv2dShape& shape, const T* x, const T* weight,
                    const T* bias, T* y, Conv2dAlgorithm algorithm) {
  const Scope scope("conv2d", shape.flop(), shape.elements() * std::int64_t{sizeof(T)});
  on_device(stream, "conv2d", [&] { cpu::conv2d_forward(shape, x, weight, bias, y, algorithm); });
}

template <class T>
void conv2d_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                           const T* weight, T* dx, Conv2dAlgorithm algorithm) {
  const Scope scope("conv2d_input_gradient", shape.flop(),
                    shape.elements() * std::int64_t{sizeof(T)});
  on_device(stream, "conv2d",
            [&] { cpu::conv2d_input_gradient(shape, dy, weight, dx, algorithm); });
}

template <class T>
void conv2d_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                            T* dweight, T* dbias, Conv2dAlgorithm algorithm) {
  const Scope scope("conv2d_weight_gradient", shape.flop(),
                    shape.elements() * std::int64_t{sizeof(T)});
  on_device(stream, "conv2d",
            [&] { cpu::conv2d_weight_gradient(shape, x, dy, dweight, dbias, algorithm); });
}

#define TELESCOPE_INSTANTIATE(T)                                                                  \
  template void conv2d_forward(const Stream&, const Conv2dShape&, const T*, const T*, const T*,   \
                               T*, Conv2dAlgorithm);                                              \
  template void conv2d_input_gradient(const Stream&, const Conv2dShape&, const T*, const T*, T*,  \
                                      Conv2dAlgorithm);                                           \
  template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*, T*, \
                                       T*, Conv2dAlgorithm);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
