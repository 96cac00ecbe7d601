// SPDX-License-Identifier: MIT
// A transpose inside each pixel, bound by memory. A thread writes 16 bytes (one element where rows do
// not fill such packs), neighbours to neighbours, and reads where each element came from: all of a
// sector is wanted by nearby threads, so the first-level cache makes up for the stride. r and c are
// known to the compiler where they are those of super-resolution, because the work is in dividing by
// them; it is done once for all rows of a thread.
#include "kernels/pixel_shuffle/pixel_shuffle.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// Elements e to e + width - 1 of row `row` of y, [n h r] rows of [w r, c].
template <int R, int C, int width, class T>
__global__ void shuffle_kernel(std::int64_t rows, unsigned length, unsigned any_r, unsigned any_c,
                               const T* __restrict__ x, T* __restrict__ y) {
  const unsigned r = R ? R : any_r, c = C ? C : any_c, e = row_item() * width;
  if (e >= length) return;
  std::int64_t in_row[width];
  TELESCOPE_UNROLL
  for (unsigned q = 0; q < width; ++q) {
    const unsigned k = (e + q) % c, column = (e + q) / c, j = column % r;
    in_row[q] = std::int64_t{column / r} * (c * r * r) + k * r * r + j;
  }
  for (std::int64_t row = first_row(); row < rows; row += row_stride()) {
    const std::int64_t from = row / r, i = row - from * r;
    const T* const of_row = x + from * (std::int64_t{length} * r) + i * r;
    Pack<T, width> values;
    TELESCOPE_UNROLL
    for (int q = 0; q < width; ++q) values[q] = of_row[in_row[q]];
    store(y + row * length + e, values);
  }
}

// Elements e to e + width - 1 of row `row` of dx, [n h] rows of [w, c r r].
template <int R, int C, int width, class T>
__global__ void unshuffle_kernel(std::int64_t rows, unsigned length, unsigned any_r, unsigned any_c,
                                 const T* __restrict__ dy, T* __restrict__ dx) {
  const unsigned r = R ? R : any_r, c = C ? C : any_c, e = row_item() * width;
  if (e >= length) return;
  std::int64_t from[width];
  TELESCOPE_UNROLL
  for (unsigned q = 0; q < width; ++q) {
    const unsigned at = e + q, j = at % r, i = at / r % r;
    const unsigned k = at / (r * r) % c, column = at / (r * r * c);
    from[q] = i * std::int64_t{length / r} + (std::int64_t{column} * r + j) * c + k;
  }
  for (std::int64_t row = first_row(); row < rows; row += row_stride()) {
    Pack<T, width> values;
    TELESCOPE_UNROLL
    for (int q = 0; q < width; ++q) values[q] = dy[row * length + from[q]];
    store(dx + row * length + e, values);
  }
}

template <class F>
void with_factor(const PixelShuffleShape& s, const F& f) {
  if (s.c == 3 && s.r == 2) return f.template operator()<2, 3>();
  if (s.c == 3 && s.r == 3) return f.template operator()<3, 3>();
  if (s.c == 3 && s.r == 4) return f.template operator()<4, 3>();
  f.template operator()<0, 0>();
}

}  // namespace

template <class T>
void pixel_shuffle(const Stream& stream, const PixelShuffleShape& s, const T* x, T* y) {
  const std::int64_t rows = s.n * s.h * s.r, length = s.w * s.r * s.c;
  with_width<T>(
      length % pack_width<T> == 0,
      [&]<int width>() {
        const RowGrid at(rows, length / width);
        with_factor(s, [&]<int R, int C>() {
          launch<shuffle_kernel<R, C, width, T>>(stream, at.grid, at.block, 0, rows, length, s.r,
                                                 s.c, x, y);
        });
      },
      y);
}

template <class T>
void pixel_shuffle_backward(const Stream& stream, const PixelShuffleShape& s, const T* dy, T* dx) {
  const std::int64_t rows = s.n * s.h, length = s.w * s.c * s.r * s.r;
  with_width<T>(
      length % pack_width<T> == 0,
      [&]<int width>() {
        const RowGrid at(rows, length / width);
        with_factor(s, [&]<int R, int C>() {
          launch<unshuffle_kernel<R, C, width, T>>(stream, at.grid, at.block, 0, rows, length, s.r,
                                                   s.c, dy, dx);
        });
      },
      dx);
}

#define TELESCOPE_INSTANTIATE(T)                                                      \
  template void pixel_shuffle(const Stream&, const PixelShuffleShape&, const T*, T*); \
  template void pixel_shuffle_backward(const Stream&, const PixelShuffleShape&, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
