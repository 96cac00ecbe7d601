// SPDX-License-Identifier: MIT
// A transpose inside each pixel, bound by memory: 8 bytes an element. A thread writes one element,
// neighbours to neighbours, and reads where it came from: all of a sector is wanted by nearby
// threads, so the first-level cache makes up for the stride. r and c are known to the compiler where
// they are those of super-resolution, because the work is in dividing by them.
#include "kernels/pixel_shuffle/pixel_shuffle.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// Element e of row `row` of y, [n h r] rows of [w r, c].
template <int R, int C, class T>
__global__ void shuffle_kernel(std::int64_t rows, unsigned length, unsigned any_r, unsigned any_c,
                               const T* __restrict__ x, T* __restrict__ y) {
  const unsigned r = R ? R : any_r, c = C ? C : any_c, e = row_item();
  if (e >= length) return;
  const unsigned k = e % c, column = e / c, j = column % r;
  const std::int64_t in_row = std::int64_t{column / r} * (c * r * r) + k * r * r + j;
  for (std::int64_t row = first_row(); row < rows; row += row_stride()) {
    const std::int64_t from = row / r, i = row - from * r;
    y[row * length + e] = x[from * (std::int64_t{length} * r) + in_row + i * r];
  }
}

// Element e of row `row` of dx, [n h] rows of [w, c r r].
template <int R, int C, class T>
__global__ void unshuffle_kernel(std::int64_t rows, unsigned length, unsigned any_r, unsigned any_c,
                                 const T* __restrict__ dy, T* __restrict__ dx) {
  const unsigned r = R ? R : any_r, c = C ? C : any_c, e = row_item();
  if (e >= length) return;
  const unsigned j = e % r, i = e / r % r, k = e / (r * r) % c, column = e / (r * r * c);
  const std::int64_t out_row = length / r;
  const std::int64_t from = i * out_row + (std::int64_t{column} * r + j) * c + k;
  for (std::int64_t row = first_row(); row < rows; row += row_stride()) {
    dx[row * length + e] = dy[row * length + from];
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
  const RowGrid at(rows, length);
  with_factor(s, [&]<int R, int C>() {
    launch<shuffle_kernel<R, C, T>>(stream, at.grid, at.block, 0, rows, length, s.r, s.c, x, y);
  });
}

template <class T>
void pixel_shuffle_backward(const Stream& stream, const PixelShuffleShape& s, const T* dy, T* dx) {
  const std::int64_t rows = s.n * s.h, length = s.w * s.c * s.r * s.r;
  const RowGrid at(rows, length);
  with_factor(s, [&]<int R, int C>() {
    launch<unshuffle_kernel<R, C, T>>(stream, at.grid, at.block, 0, rows, length, s.r, s.c, dy, dx);
  });
}

template void pixel_shuffle(const Stream&, const PixelShuffleShape&, const float*, float*);
template void pixel_shuffle_backward(const Stream&, const PixelShuffleShape&, const float*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
