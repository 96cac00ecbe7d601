// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/mix/mix_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.h"
#include "kernels/mix/mix.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {

template <class T>
void mix_range(std::int64_t n, T t, const T* a, const T* b, T* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = t * a[i] + (1 - t) * b[i];
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

template <class T>
void mix(const Stream&, std::int64_t n, std::int64_t size, const T* t, const T* a, const T* b,
         T* y) {
  parallel_for(n * size, 1 << 14, [=](std::int64_t begin, std::int64_t end) {
    while (begin < end) {  // one piece per sample of the range
      const std::int64_t sample = begin / size, stop = std::min(end, (sample + 1) * size);
      TELESCOPE_SIMD(mix_range<T>)(stop - begin, t[sample], a + begin, b + begin, y + begin);
      begin = stop;
    }
  });
}

template void mix(const Stream&, std::int64_t, std::int64_t, const float*, const float*,
                  const float*, float*);
template void mix(const Stream&, std::int64_t, std::int64_t, const double*, const double*,
                  const double*, double*);

}  // namespace telescope::kernels::cpu
#endif
