// SPDX-License-Identifier: MIT
#include "kernels/concat/concat.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void copy_columns(const Stream&, std::int64_t rows,
                                                               std::int64_t columns, const T* from,
                                                               std::int64_t from_stride, T* to,
                                                               std::int64_t to_stride);)

template <class T>
void copy_columns(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* from,
                  std::int64_t from_stride, T* to, std::int64_t to_stride) {
  const Scope scope("copy_columns", 0, 2 * rows * columns * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, copy_columns, rows, columns, from, from_stride, to, to_stride);
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void copy_columns(const Stream&, std::int64_t, std::int64_t, const T*, std::int64_t, \
                             T*, std::int64_t);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
