// SPDX-License-Identifier: MIT
#include "kernels/softmax/softmax.h"

#include "core/profile.h"
#include "kernels/dispatch.h"
#include "kernels/vendor/vendor.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void softmax(const Stream&, std::int64_t rows,
                                                          std::int64_t columns, const T* x, T* y);
                          template <class T> void softmax_backward(const Stream&, std::int64_t rows,
                                                                   std::int64_t columns, const T* y,
                                                                   const T* dy, T* dx);)

TELESCOPE_ON_EVERY_VENDOR(void softmax(const Stream&, std::int64_t rows, std::int64_t columns,
                                       const float* x, float* y);
                          void softmax_backward(const Stream&, std::int64_t rows,
                                                std::int64_t columns, const float* y,
                                                const float* dy, float* dx);)

template <class T>
void softmax(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* x, T* y,
             Backend by) {
  const Scope scope("softmax", 5 * rows * columns, 2 * rows * columns * std::int64_t{sizeof(T)});
  TELESCOPE_VENDOR(by, "softmax", stream, softmax, rows, columns, x, y);
  TELESCOPE_DISPATCH(stream, softmax, rows, columns, x, y);
}

template <class T>
void softmax_backward(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* y,
                      const T* dy, T* dx, Backend by) {
  const Scope scope("softmax_backward", 4 * rows * columns,
                    3 * rows * columns * std::int64_t{sizeof(T)});
  TELESCOPE_VENDOR(by, "softmax", stream, softmax_backward, rows, columns, y, dy, dx);
  TELESCOPE_DISPATCH(stream, softmax_backward, rows, columns, y, dy, dx);
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void softmax(const Stream&, std::int64_t, std::int64_t, const T*, T*, Backend);      \
  template void softmax_backward(const Stream&, std::int64_t, std::int64_t, const T*, const T*, \
                                 T*, Backend);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
