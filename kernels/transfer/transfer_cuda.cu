// SPDX-License-Identifier: MIT
// Injection and the 2x2 sum: bound by memory, 2 elements moved for one of the output, and up to 5. A
// thread makes one pack of channels (one element where channels do not fill packs) and finds its
// pixel by a single 32-bit division, because rows of the output lie along y of the grid.
#include "kernels/simt/simt.h"
#include "kernels/transfer/transfer.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// y[r, e] for the rows r of all images; c counts channels, as e counts elements.
template <int width, class T>
__global__ void inject_kernel(TransferShape s, const T* __restrict__ x, T* __restrict__ y) {
  const auto c = static_cast<unsigned>(s.c), e = row_item() * width;
  const std::int64_t length = s.out_w * s.c;
  if (e >= length) return;
  const std::int64_t source = e + std::int64_t{e / c} * c;  // pixel 2j
  for (std::int64_t r = first_row(); r < s.n * s.out_h; r += row_stride()) {
    const std::int64_t image = r / s.out_h, row = image * s.h + 2 * (r - image * s.out_h);
    store(y + r * length + e, load<width>(x + row * s.w * s.c + source));
  }
}

template <int width, class T>
__global__ void pool_kernel(TransferShape s, float factor, const T* __restrict__ x,
                            T* __restrict__ y) {
  const auto c = static_cast<unsigned>(s.c), e = row_item() * width;
  const std::int64_t length = s.out_w * s.c, in_length = s.w * s.c;
  if (e >= length) return;
  const std::int64_t source = e + std::int64_t{e / c} * c;
  for (std::int64_t r = first_row(); r < s.n * s.out_h; r += row_stride()) {
    const std::int64_t image = r / s.out_h, row = image * s.h + 2 * (r - image * s.out_h);
    const T* above = x + row * in_length + source;
    const T* below = above + in_length;
    const auto a = load<width>(above), b = load<width>(above + c);
    const auto d = load<width>(below), f = load<width>(below + c);
    Pack<T, width> sum;
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      sum[k] = static_cast<T>(factor * ((static_cast<float>(a[k]) + static_cast<float>(b[k])) +
                                        (static_cast<float>(d[k]) + static_cast<float>(f[k]))));
    }
    store(y + r * length + e, sum);
  }
}

// dx[r, e]: `factor` times the pixel of dy it belongs to; 0 where there is none, which with
// `every_other` are the odd rows and columns.
template <bool every_other, int width, class T>
__global__ void spread_kernel(TransferShape s, float factor, const T* __restrict__ dy,
                              T* __restrict__ dx) {
  const auto c = static_cast<unsigned>(s.c), e = row_item() * width;
  const std::int64_t length = s.w * s.c;
  if (e >= length) return;
  const unsigned column = e / c, k = e - column * c;
  const bool column_counts = column < 2 * s.out_w && !(every_other && column % 2);
  const std::int64_t source = std::int64_t{column / 2} * c + k;
  for (std::int64_t r = first_row(); r < s.n * s.h; r += row_stride()) {
    const std::int64_t image = r / s.h, row = r - image * s.h;
    Pack<T, width> value{};
    if (column_counts && row < 2 * s.out_h && !(every_other && row % 2)) {
      value = load<width>(dy + (image * s.out_h + row / 2) * s.out_w * s.c + source);
      TELESCOPE_UNROLL
      for (int i = 0; i < width && !every_other; ++i) {
        value[i] = static_cast<T>(factor * static_cast<float>(value[i]));
      }
    }
    store(dx + r * length + e, value);
  }
}

// Calls f.operator()<width>(grid) for a thread to each pack of `rows` rows of `row_width` pixels.
template <class T, class F>
void over_rows(const TransferShape& s, std::int64_t rows, std::int64_t row_width, const T* x,
               const T* y, const F& f) {
  with_width<T>(
      s.c % pack_width<T> == 0,
      [&]<int width>() { f.template operator()<width>(RowGrid(rows, row_width * (s.c / width))); },
      x, y);
}

}  // namespace

template <class T>
void inject(const Stream& stream, const TransferShape& s, const T* x, T* y) {
  over_rows(s, s.n * s.out_h, s.out_w, x, y, [&]<int width>(const RowGrid& at) {
    launch<inject_kernel<width, T>>(stream, at.grid, at.block, 0, s, x, y);
  });
}

template <class T>
void inject_adjoint(const Stream& stream, const TransferShape& s, const T* dy, T* dx) {
  over_rows(s, s.n * s.h, s.w, dy, dx, [&]<int width>(const RowGrid& at) {
    launch<spread_kernel<true, width, T>>(stream, at.grid, at.block, 0, s, 1.f, dy, dx);
  });
}

template <class T>
void pool2x2(const Stream& stream, const TransferShape& s, Wide<T> factor, const T* x, T* y) {
  over_rows(s, s.n * s.out_h, s.out_w, x, y, [&]<int width>(const RowGrid& at) {
    launch<pool_kernel<width, T>>(stream, at.grid, at.block, 0, s, factor, x, y);
  });
}

template <class T>
void pool2x2_adjoint(const Stream& stream, const TransferShape& s, Wide<T> factor, const T* dy,
                     T* dx) {
  over_rows(s, s.n * s.h, s.w, dy, dx, [&]<int width>(const RowGrid& at) {
    launch<spread_kernel<false, width, T>>(stream, at.grid, at.block, 0, s, factor, dy, dx);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                     \
  template void inject(const Stream&, const TransferShape&, const T*, T*);           \
  template void inject_adjoint(const Stream&, const TransferShape&, const T*, T*);   \
  template void pool2x2(const Stream&, const TransferShape&, Wide<T>, const T*, T*); \
  template void pool2x2_adjoint(const Stream&, const TransferShape&, Wide<T>, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
