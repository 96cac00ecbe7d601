// SPDX-License-Identifier: MIT
// Separable resampling, one output row at a time: the rows it is made of are summed into a buffer,
// as vectors over pixels and channels alike; then the pixels of the buffer are summed into the
// output.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/transfer/resample_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <limits>
#include <type_traits>

#include "core/parallel.h"
#include "kernels/simd.h"
#include "kernels/transfer/transfer.h"
#include "kernels/vector_loops-inl.h"
#include "kernels/workspace.h"

#ifndef TELESCOPE_KERNELS_TRANSFER_RESAMPLE_CPU  // what all instruction sets share
#define TELESCOPE_KERNELS_TRANSFER_RESAMPLE_CPU
namespace telescope::kernels {
// The columns' stencil in the form the inner loops want. `few` channels: for each of `width` taps
// and each element of an output row, where in the buffer its source stands and its weight (an
// element that has fewer taps reads the zero behind the buffer). Else the lists of the pixels.
template <class T>
struct Columns {
  using Index = std::conditional_t<sizeof(T) == 4, std::int32_t, std::int64_t>;
  bool few = false;
  std::int64_t width = 0;
  std::vector<Index> index;
  std::vector<T> weight;
};
}  // namespace telescope::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// out[e] = sum over the taps k of weight[k] x[index[k] stride + e], e < n; 0 without taps. The
// first product starts the sum, so that a single weight of one copies to the bit.
template <class T>
HWY_INLINE void weighted_sum(std::int64_t n, std::int64_t taps, const std::int64_t* index,
                             const T* weight, std::int64_t stride, const T* HWY_RESTRICT x,
                             T* HWY_RESTRICT out) {
  if (taps == 0) {
    std::fill(out, out + n, T{0});
    return;
  }
  vector_loop<T>(n, [=](auto d, std::int64_t e) HWY_ATTR {
    auto sum = hn::Mul(hn::Set(d, weight[0]), hn::LoadU(d, x + index[0] * stride + e));
    for (std::int64_t k = 1; k < taps; ++k) {
      sum = hn::MulAdd(hn::Set(d, weight[k]), hn::LoadU(d, x + index[k] * stride + e), sum);
    }
    hn::StoreU(sum, d, out + e);
  });
}

// Columns of few channels: every element of the row gathers its own sources.
template <class T>
HWY_INLINE void gather_row(std::int64_t n, const Columns<T>& columns, const T* HWY_RESTRICT buffer,
                           T* HWY_RESTRICT y) {
  using Index = typename Columns<T>::Index;
  const Index* index = columns.index.data();
  const T* weight = columns.weight.data();
  const std::int64_t width = columns.width;
  vector_loop<T>(n, [=](auto d, std::int64_t e) HWY_ATTR {
    const hn::Rebind<Index, decltype(d)> di;
    auto sum =
        hn::Mul(hn::LoadU(d, weight + e), hn::GatherIndex(d, buffer, hn::LoadU(di, index + e)));
    for (std::int64_t k = 1; k < width; ++k) {
      sum = hn::MulAdd(hn::LoadU(d, weight + k * n + e),
                       hn::GatherIndex(d, buffer, hn::LoadU(di, index + k * n + e)), sum);
    }
    hn::StoreU(sum, d, y + e);
  });
}

// Output rows [begin, end), counted through all images; `buffer` holds a row of x and a zero.
template <class T>
void resample_range(const TransferShape& s, const Stencil& rows, const T* row_weight,
                    const Stencil& pixels, const Columns<T>& columns, std::int64_t begin,
                    std::int64_t end, const T* x, T* y, T* buffer) {
  const std::int64_t row = s.w * s.c;
  buffer[row] = 0;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t i = r % s.out_h, first = rows.begin[i], taps = rows.begin[i + 1] - first;
    weighted_sum(row, taps, rows.index.data() + first, row_weight + first, row,
                 x + r / s.out_h * s.h * row, buffer);
    T* to = y + r * s.out_w * s.c;
    if (columns.few) {
      gather_row(s.out_w * s.c, columns, buffer, to);
      continue;
    }
    for (std::int64_t j = 0; j < s.out_w; ++j) {
      const std::int64_t k = pixels.begin[j];
      weighted_sum(s.c, pixels.begin[j + 1] - k, pixels.index.data() + k, columns.weight.data() + k,
                   s.c, buffer, to + j * s.c);
    }
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {
namespace {

template <class T>
Columns<T> make_columns(const TransferShape& s, const Stencil& pixels) {
  Columns<T> columns;
  columns.width = std::max<std::int64_t>(pixels.width(), 1);
  columns.few = s.c < 16 && s.w * s.c < std::numeric_limits<std::int32_t>::max();
  if (!columns.few) {
    columns.weight.assign(pixels.weight.begin(), pixels.weight.end());
    return columns;
  }
  const std::int64_t n = s.out_w * s.c, zero = s.w * s.c;
  using Index = typename Columns<T>::Index;
  columns.index.assign(static_cast<std::size_t>(columns.width * n), static_cast<Index>(zero));
  columns.weight.assign(static_cast<std::size_t>(columns.width * n), T{0});
  for (std::int64_t j = 0; j < s.out_w; ++j) {
    const std::int64_t first = pixels.begin[j];
    for (std::int64_t k = first; k < pixels.begin[j + 1]; ++k) {
      for (std::int64_t channel = 0; channel < s.c; ++channel) {
        const std::int64_t at = (k - first) * n + j * s.c + channel;
        columns.index[at] = static_cast<Index>(pixels.index[k] * s.c + channel);
        columns.weight[at] = static_cast<T>(pixels.weight[k]);
      }
    }
  }
  return columns;
}

}  // namespace

template <class T>
void resample(const Stream&, const TransferShape& s, const Stencil& rows, const Stencil& pixels,
              const T* x, T* y) {
  const Columns<T> columns = make_columns<T>(s, pixels);
  const std::vector<T> row_weight(rows.weight.begin(), rows.weight.end());
  const std::int64_t row = (s.w + s.out_w) * s.c,
                     grain = (1 << 13) / std::max<std::int64_t>(row, 1) + 1;
  parallel_for(s.n * s.out_h, grain, [&](std::int64_t begin, std::int64_t end) {
    const Workspace<T> buffer(s.w * s.c + 1);
    TELESCOPE_SIMD(resample_range<T>)
    (s, rows, row_weight.data(), pixels, columns, begin, end, x, y, buffer.data());
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                              \
  template void resample(const Stream&, const TransferShape&, const Stencil&, const Stencil&, \
                         const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
