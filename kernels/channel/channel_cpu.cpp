// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/channel/channel_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/channel/channel.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {

template <class T>
void add_range(std::int64_t pixels, std::int64_t c, const T* x, const T* e, T* y) {
  for (std::int64_t p = 0; p < pixels; ++p, x += c, y += c) {
    for (std::int64_t k = 0; k < c; ++k) y[k] = x[k] + e[k];
  }
}

// sums[c] = sum over pixels, `Lanes` channels at a time in registers.
template <int Lanes, class T>
HWY_INLINE std::int64_t sum_lanes(std::int64_t first, std::int64_t pixels, std::int64_t c,
                                  const T* x, double* sums) {
  for (; first + Lanes <= c; first += Lanes) {
    double lane[Lanes] = {};
    for (std::int64_t p = 0; p < pixels; ++p) {
      for (int k = 0; k < Lanes; ++k) lane[k] += static_cast<double>(x[p * c + first + k]);
    }
    std::copy(lane, lane + Lanes, sums + first);
  }
  return first;
}

template <class T>
void sum_range(std::int64_t pixels, std::int64_t c, const T* x, double* sums) {
  std::int64_t first = sum_lanes<64>(0, pixels, c, x, sums);
  first = sum_lanes<16>(first, pixels, c, x, sums);
  first = sum_lanes<4>(first, pixels, c, x, sums);
  sum_lanes<1>(first, pixels, c, x, sums);
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

constexpr std::int64_t grain = 1 << 14;  // elements worth a thread

template <class T>
void add_per_channel(const Stream&, const PerChannel& shape, const T* x, const Wide<T>* e, T* y) {
  const std::int64_t pixels = shape.pixels, c = shape.c;
  if (shape.numel() == 0) return;
  const auto add = TELESCOPE_SIMD(add_range<T>);
  parallel_for(shape.n * pixels, grain / c, [=](std::int64_t p, std::int64_t end) {
    while (p < end) {
      const std::int64_t sample = p / pixels, stop = std::min(end, (sample + 1) * pixels);
      add(stop - p, c, x + p * c, e + sample * c, y + p * c);
      p = stop;
    }
  });
}

// A chunk is as many pixels as stay in the first-level cache while the channels are walked over.
template <class T>
void sum_per_channel(const Stream&, const PerChannel& shape, const T* dy, Wide<T>* de) {
  const std::int64_t pixels = shape.pixels, c = shape.c;
  if (shape.n * c == 0) return;
  const std::int64_t chunk = std::max<std::int64_t>(sum_chunk / c, 1);
  const std::int64_t chunks = (pixels + chunk - 1) / chunk;
  const auto size = static_cast<std::size_t>(shape.n * chunks * c) * sizeof(double);
  const Storage workspace = Storage::allocate(size, Device());
  auto* partial = reinterpret_cast<double*>(workspace.data());
  const auto sum = TELESCOPE_SIMD(sum_range<T>);
  parallel_for(shape.n * chunks, grain / sum_chunk, [=](std::int64_t task, std::int64_t end) {
    for (; task < end; ++task) {
      const std::int64_t sample = task / chunks, first = task % chunks * chunk;
      sum(std::min(chunk, pixels - first), c, dy + (sample * pixels + first) * c,
          partial + task * c);
    }
  });
  for (std::int64_t sample = 0; sample < shape.n; ++sample) {
    double* const total = partial + sample * chunks * c;
    for (std::int64_t j = 1; j < chunks; ++j) {
      for (std::int64_t k = 0; k < c; ++k) total[k] += total[j * c + k];
    }
    for (std::int64_t k = 0; k < c; ++k) de[sample * c + k] = static_cast<T>(total[k]);
  }
}

template <class T>
void sum_over_samples(const Stream&, std::int64_t n, std::int64_t c, const T* e, T* sum) {
  for (std::int64_t k = 0; k < c; ++k) {
    double total = 0;
    for (std::int64_t i = 0; i < n; ++i) total += static_cast<double>(e[i * c + k]);
    sum[k] += static_cast<T>(total);
  }
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void add_per_channel(const Stream&, const PerChannel&, const T*, const Wide<T>*, T*); \
  template void sum_per_channel(const Stream&, const PerChannel&, const T*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE
template void sum_over_samples(const Stream&, std::int64_t, std::int64_t, const float*, float*);
template void sum_over_samples(const Stream&, std::int64_t, std::int64_t, const double*, double*);

}  // namespace telescope::kernels::cpu
#endif
