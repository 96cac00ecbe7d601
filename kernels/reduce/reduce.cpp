// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduce.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T> void sum_rows(const Stream&, std::int64_t rows, std::int64_t length,
                                     double factor, const T* x, Wide<T>* y);
    template <class T> void spread_rows(const Stream&, std::int64_t rows, std::int64_t length,
                                        double factor, const Wide<T>* dy, T* x);
    template <class T> void dot(const Stream&, std::int64_t n, const T* a, const T* b, double* y);
    template <class T>
    void scale_by(const Stream&, std::int64_t n, const T* factor, const T* x, T* y);)

template <class T>
void sum_rows(const Stream& stream, std::int64_t rows, std::int64_t length, double factor,
              const T* x, Wide<T>* y) {
  const std::int64_t n = rows * length;
  const Scope scope("sum", n, n * std::int64_t{sizeof(T)} + rows * std::int64_t{sizeof(Wide<T>)});
  TELESCOPE_DISPATCH(stream, sum_rows, rows, length, factor, x, y);
}

template <class T>
void spread_rows(const Stream& stream, std::int64_t rows, std::int64_t length, double factor,
                 const Wide<T>* dy, T* x) {
  const Scope scope("spread", rows,
                    rows * (length * std::int64_t{sizeof(T)} + std::int64_t{sizeof(Wide<T>)}));
  TELESCOPE_DISPATCH(stream, spread_rows, rows, length, factor, dy, x);
}

template <class T>
void dot(const Stream& stream, std::int64_t n, const T* a, const T* b, double* y) {
  const Scope scope("dot", 2 * n, (a == b ? 1 : 2) * n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, dot, n, a, b, y);
}

template <class T>
void scale_by(const Stream& stream, std::int64_t n, const T* factor, const T* x, T* y) {
  const Scope scope("scale", n, 2 * n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, scale_by, n, factor, x, y);
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void sum_rows(const Stream&, std::int64_t, std::int64_t, double, const T*, Wide<T>*); \
  template void spread_rows(const Stream&, std::int64_t, std::int64_t, double, const Wide<T>*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

#define TELESCOPE_INSTANTIATE(T)                                               \
  template void dot(const Stream&, std::int64_t, const T*, const T*, double*); \
  template void scale_by(const Stream&, std::int64_t, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
