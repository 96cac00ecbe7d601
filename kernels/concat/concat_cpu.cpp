// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/concat/concat_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.h"
#include "kernels/concat/concat.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Inlined vectors: for the 3 to 128 channels of a pixel a call of memcpy would cost more.
template <class T>
void copy_columns_range(std::int64_t rows, std::int64_t columns, const T* from,
                        std::int64_t from_stride, T* to, std::int64_t to_stride) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  for (std::int64_t i = 0; i < rows; ++i, from += from_stride, to += to_stride) {
    std::int64_t k = 0;
    for (; k + lanes <= columns; k += lanes) hn::StoreU(hn::LoadU(d, from + k), d, to + k);
    for (; k < columns; ++k) to[k] = from[k];
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

template <class T>
void copy_columns(const Stream&, std::int64_t rows, std::int64_t columns, const T* from,
                  std::int64_t from_stride, T* to, std::int64_t to_stride) {
  const std::int64_t grain = (1 << 14) / std::max<std::int64_t>(columns, 1) + 1;
  parallel_for(rows, grain, [=](std::int64_t i, std::int64_t end) {
    TELESCOPE_SIMD(copy_columns_range<T>)
    (end - i, columns, from + i * from_stride, from_stride, to + i * to_stride, to_stride);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void copy_columns(const Stream&, std::int64_t, std::int64_t, const T*, std::int64_t, \
                             T*, std::int64_t);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
