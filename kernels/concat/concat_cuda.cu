// SPDX-License-Identifier: MIT
// A copy, bound by memory. Rows are the short pixels of an image, many of which share a block, so
// that neighbouring threads stay in neighbouring memory.
#include "kernels/concat/concat.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

template <int width, class T>
__global__ void copy_columns_kernel(std::int64_t rows, unsigned columns, const T* from,
                                    std::int64_t from_stride, T* to, std::int64_t to_stride) {
  const unsigned k = row_item() * width;
  if (k >= columns) return;
  for (std::int64_t i = first_row(); i < rows; i += row_stride()) {
    store(to + i * to_stride + k, load<width>(from + i * from_stride + k));
  }
}

}  // namespace

template <class T>
void copy_columns(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* from,
                  std::int64_t from_stride, T* to, std::int64_t to_stride) {
  const bool divides = (columns | from_stride | to_stride) % pack_width<T> == 0;
  with_width<T>(
      divides,
      [&]<int width>() {
        const RowGrid at(rows, columns / width);
        launch<copy_columns_kernel<width, T>>(stream, at.grid, at.block, 0, rows, columns, from,
                                              from_stride, to, to_stride);
      },
      from, to);
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void copy_columns(const Stream&, std::int64_t, std::int64_t, const T*, std::int64_t, \
                             T*, std::int64_t);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
