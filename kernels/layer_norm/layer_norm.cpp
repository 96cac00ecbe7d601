// SPDX-License-Identifier: MIT
#include "kernels/layer_norm/layer_norm.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void layer_norm(const Stream&, std::int64_t n, std::int64_t m, double eps,
                                          double slope, const T* x, T* y, Wide<T>* rstd);
                          template <class T>
                          void layer_norm_backward(const Stream&, std::int64_t n, std::int64_t m,
                                                   double slope, const T* y, const Wide<T>* rstd,
                                                   const T* dy, T* dx);)

template <class T>
void layer_norm(const Stream& stream, std::int64_t n, std::int64_t m, double eps, double slope,
                const T* x, T* y, Wide<T>* rstd) {
  const Scope scope("layer_norm", 7 * n * m, 2 * n * m * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, layer_norm, n, m, eps, slope, x, y, rstd);
}

template <class T>
void layer_norm_backward(const Stream& stream, std::int64_t n, std::int64_t m, double slope,
                         const T* y, const Wide<T>* rstd, const T* dy, T* dx) {
  const Scope scope("layer_norm_backward", 7 * n * m, 3 * n * m * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, layer_norm_backward, n, m, slope, y, rstd, dy, dx);
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void layer_norm(const Stream&, std::int64_t, std::int64_t, double, double, const T*,  \
                           T*, Wide<T>*);                                                        \
  template void layer_norm_backward(const Stream&, std::int64_t, std::int64_t, double, const T*, \
                                    const Wide<T>*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
