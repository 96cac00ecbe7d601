// SPDX-License-Identifier: MIT
#include "kernels/group_norm/group_norm.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T> void group_norm(const Stream&, const GroupNormShape& shape, double eps,
                                       const T* x, const Wide<T>* weight, const Wide<T>* bias,
                                       NormActivation activation, T* y, double* mean, double* rstd);
    template <class T>
    void group_norm_backward(const Stream&, const GroupNormShape& shape, const T* x,
                             const Wide<T>* weight, const Wide<T>* bias, NormActivation activation,
                             const double* mean, const double* rstd, const T* dy, T* dx,
                             bool accumulate, Wide<T>* dweight, Wide<T>* dbias);)

template <class T>
void group_norm(const Stream& stream, const GroupNormShape& shape, double eps, const T* x,
                const Wide<T>* weight, const Wide<T>* bias, NormActivation activation, T* y,
                double* mean, double* rstd) {
  const Scope scope("group_norm", 7 * shape.numel(), 2 * shape.numel() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, group_norm, shape, eps, x, weight, bias, activation, y, mean, rstd);
}

template <class T>
void group_norm_backward(const Stream& stream, const GroupNormShape& shape, const T* x,
                         const Wide<T>* weight, const Wide<T>* bias, NormActivation activation,
                         const double* mean, const double* rstd, const T* dy, T* dx,
                         bool accumulate, Wide<T>* dweight, Wide<T>* dbias) {
  const Scope scope("group_norm_backward", 9 * shape.numel(),
                    3 * shape.numel() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, group_norm_backward, shape, x, weight, bias, activation, mean, rstd,
                     dy, dx, accumulate, dweight, dbias);
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void group_norm(const Stream&, const GroupNormShape&, double, const T*, const Wide<T>*, \
                           const Wide<T>*, NormActivation, T*, double*, double*);                  \
  template void group_norm_backward(const Stream&, const GroupNormShape&, const T*,                \
                                    const Wide<T>*, const Wide<T>*, NormActivation, const double*, \
                                    const double*, const T*, T*, bool, Wide<T>*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
