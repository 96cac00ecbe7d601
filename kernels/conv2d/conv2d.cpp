// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d.h"

#include "core/profile.h"
#include "kernels/dispatch.h"
#include "kernels/vendor/vendor.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T>
    void conv2d_forward(const Stream&, const Conv2dShape& shape, const T* x, const Wide<T>* weight,
                        const Conv2dEpilogue<T>& epilogue, T* y, Conv2dVariant variant);
    template <class T> void conv2d_input_gradient(const Stream&, const Conv2dShape& shape,
                                                  const T* dy, const Wide<T>* weight,
                                                  bool accumulate, T* dx, Conv2dVariant variant);
    template <class T>
    void conv2d_weight_gradient(const Stream&, const Conv2dShape& shape, const T* x, const T* dy,
                                Wide<T>* dweight, Wide<T>* dbias, Conv2dVariant variant);)
TELESCOPE_ON_EVERY_VENDOR(
    void conv2d_forward(const Stream&, const Conv2dShape& shape, const float* x,
                        const float* weight, const Conv2dEpilogue<float>& epilogue, float* y);
    void conv2d_input_gradient(const Stream&, const Conv2dShape& shape, const float* dy,
                               const float* weight, bool accumulate, float* dx);
    void conv2d_weight_gradient(const Stream&, const Conv2dShape& shape, const float* x,
                                const float* dy, float* dweight, float* dbias);)

namespace {

void check_choice(Conv2dVariant variant, Backend by, const Device& device, const Conv2dShape& shape,
                  DType dtype) {
  check_conv2d_variant(variant, device, shape, dtype);
  TELESCOPE_CHECK(by != Backend::vendor || variant == Conv2dVariant::automatic, "conv2d",
                  "the variant {} is ours; the backend vendor chooses by itself", name_of(variant));
}

}  // namespace

template <class T>
void conv2d_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                    const Wide<T>* weight, const Conv2dEpilogue<T>& epilogue, T* y,
                    Conv2dVariant variant, Backend by) {
  const std::int64_t residual_bytes =
      epilogue.residual ? shape.output_shape().numel() * std::int64_t{sizeof(T)} : 0;
  const Scope scope("conv2d", shape.flop(), shape.bytes<T>() + residual_bytes);
  check_choice(variant, by, stream.device(), shape, dtype_of<T>);
  TELESCOPE_VENDOR(by, "conv2d", stream, conv2d_forward, shape, x, weight, epilogue, y);
  TELESCOPE_DISPATCH(stream, conv2d_forward, shape, x, weight, epilogue, y, variant);
}

template <class T>
void conv2d_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                           const Wide<T>* weight, bool accumulate, T* dx, Conv2dVariant variant,
                           Backend by) {
  const Scope scope("conv2d_input_gradient", shape.flop(), shape.bytes<T>());
  check_choice(variant, by, stream.device(), shape, dtype_of<T>);
  TELESCOPE_VENDOR(by, "conv2d", stream, conv2d_input_gradient, shape, dy, weight, accumulate, dx);
  TELESCOPE_DISPATCH(stream, conv2d_input_gradient, shape, dy, weight, accumulate, dx, variant);
}

template <class T>
void conv2d_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                            Wide<T>* dweight, Wide<T>* dbias, Conv2dVariant variant, Backend by) {
  const Scope scope("conv2d_weight_gradient", shape.flop(), shape.bytes<T>());
  check_choice(variant, by, stream.device(), shape, dtype_of<T>);
  TELESCOPE_VENDOR(by, "conv2d", stream, conv2d_weight_gradient, shape, x, dy, dweight, dbias);
  TELESCOPE_DISPATCH(stream, conv2d_weight_gradient, shape, x, dy, dweight, dbias, variant);
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void conv2d_forward(const Stream&, const Conv2dShape&, const T*, const Wide<T>*,        \
                               const Conv2dEpilogue<T>&, T*, Conv2dVariant, Backend);              \
  template void conv2d_input_gradient(const Stream&, const Conv2dShape&, const T*, const Wide<T>*, \
                                      bool, T*, Conv2dVariant, Backend);                           \
  template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*,      \
                                       Wide<T>*, Wide<T>*, Conv2dVariant, Backend);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
