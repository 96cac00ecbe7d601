// SPDX-License-Identifier: MIT
// One output row at a time: the rows around it are summed into a buffer that continues periodically
// to both sides; then the buffer, shifted by whole pixels, is summed into the output. Both sums run
// over pixels and channels alike.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/blur/blur_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.h"
#include "kernels/blur/blur.h"
#include "kernels/simd.h"
#include "kernels/vector_loops-inl.h"
#include "kernels/workspace.h"

#ifndef TELESCOPE_KERNELS_BLUR_CPU  // what all instruction sets share
#define TELESCOPE_KERNELS_BLUR_CPU
namespace telescope::kernels {
// Weights in T and where the taps stand; `buffer` is of (w + columns - 1) pixels.
template <class T>
struct BlurWork {
  std::int64_t row_taps, row_first, column_taps, column_first;
  const T *row_weight, *column_weight;
  const std::int64_t* column_offset;
  std::int64_t* row_offset;
  T* buffer;
};
}  // namespace telescope::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// out[e] = sum over k of weight[k] x[offset[k] + e], e < n.
template <class T>
HWY_INLINE void sum_shifted(std::int64_t n, std::int64_t taps, const std::int64_t* offset,
                            const T* weight, const T* x, T* HWY_RESTRICT out) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t e = 0;
  for (; e + 4 * lanes <= n; e += 4 * lanes) {  // four chains: a fused product takes four cycles
    auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
    for (std::int64_t k = 0; k < taps; ++k) {
      const auto w = hn::Set(d, weight[k]);
      const T* from = x + offset[k] + e;
      s0 = hn::MulAdd(w, hn::LoadU(d, from), s0);
      s1 = hn::MulAdd(w, hn::LoadU(d, from + lanes), s1);
      s2 = hn::MulAdd(w, hn::LoadU(d, from + 2 * lanes), s2);
      s3 = hn::MulAdd(w, hn::LoadU(d, from + 3 * lanes), s3);
    }
    hn::StoreU(s0, d, out + e);
    hn::StoreU(s1, d, out + e + lanes);
    hn::StoreU(s2, d, out + e + 2 * lanes);
    hn::StoreU(s3, d, out + e + 3 * lanes);
  }
  vector_loop<T>(n - e, [=](auto v, std::int64_t i) HWY_ATTR {
    auto sum = hn::Zero(v);
    for (std::int64_t k = 0; k < taps; ++k) {
      sum = hn::MulAdd(hn::Set(v, weight[k]), hn::LoadU(v, x + offset[k] + e + i), sum);
    }
    hn::StoreU(sum, v, out + e + i);
  });
}

// Output rows [begin, end), counted through all images.
template <class T>
void blur_range(const BlurShape& s, const BlurWork<T>& work, std::int64_t begin, std::int64_t end,
                const T* x, T* y) {
  const std::int64_t row = s.w * s.c, left = -work.column_first * s.c;
  const std::int64_t right = (work.column_taps - 1) * s.c - left;
  T* middle = work.buffer + left;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t i = r % s.h;
    for (std::int64_t k = 0; k < work.row_taps; ++k) {
      const std::int64_t source = i + work.row_first + k;  // within one extent of the image
      work.row_offset[k] = (source < 0      ? source + s.h
                            : source >= s.h ? source - s.h
                                            : source) *
                           row;
    }
    sum_shifted(row, work.row_taps, work.row_offset, work.row_weight, x + (r - i) * row, middle);
    std::copy_n(middle + row - left, left, work.buffer);
    std::copy_n(middle, right, middle + row);
    sum_shifted(row, work.column_taps, work.column_offset, work.column_weight, work.buffer,
                y + r * row);
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

template <class T>
void circular_blur(const Stream&, const BlurShape& s, const CircularTaps& rows,
                   const CircularTaps& columns, const T* x, T* y) {
  const std::vector<T> row_weight(rows.weight.begin(), rows.weight.end());
  const std::vector<T> column_weight(columns.weight.begin(), columns.weight.end());
  const auto row_taps = static_cast<std::int64_t>(row_weight.size());
  const auto column_taps = static_cast<std::int64_t>(column_weight.size());
  std::vector<std::int64_t> column_offset(column_weight.size());
  for (std::int64_t k = 0; k < column_taps; ++k) column_offset[k] = k * s.c;
  const std::int64_t flop = s.w * s.c * (row_taps + column_taps);
  const std::int64_t grain = (1 << 16) / std::max<std::int64_t>(flop, 1) + 1;
  parallel_for(s.n * s.h, grain, [&](std::int64_t begin, std::int64_t end) {
    const Workspace<T> buffer((s.w + column_taps - 1) * s.c);
    const Workspace<std::int64_t> row_offset(row_taps);
    const BlurWork<T> work{.row_taps = row_taps,
                           .row_first = rows.first,
                           .column_taps = column_taps,
                           .column_first = columns.first,
                           .row_weight = row_weight.data(),
                           .column_weight = column_weight.data(),
                           .column_offset = column_offset.data(),
                           .row_offset = row_offset.data(),
                           .buffer = buffer.data()};
    TELESCOPE_SIMD(blur_range<T>)(s, work, begin, end, x, y);
  });
}

template void circular_blur(const Stream&, const BlurShape&, const CircularTaps&,
                            const CircularTaps&, const float*, float*);
template void circular_blur(const Stream&, const BlurShape&, const CircularTaps&,
                            const CircularTaps&, const double*, double*);

}  // namespace telescope::kernels::cpu
#endif
