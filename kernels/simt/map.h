// SPDX-License-Identifier: MIT
// Elementwise kernels out of a functor. Included by simt.h.
#pragma once

#include "kernels/simt/launch.h"
#include "kernels/simt/memory.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

namespace detail {

template <int width, class F, class T, class... X>
__device__ __forceinline__ void map_packs(const F& f, T* y, const Pack<X, width>&... x) {
  Pack<T, width> result;
  TELESCOPE_UNROLL
  for (int i = 0; i < width; ++i) result[i] = static_cast<T>(f(static_cast<float>(x[i])...));
  store(y, result);
}

template <int width, class F, class T, class... X>
__global__ void map_kernel(F f, std::int64_t n, T* y, const X*... x) {
  const std::int64_t i = grid_thread() * width;
  if (i + width <= n) {
    map_packs<width>(f, y + i, load<width>(x + i)...);
  } else {
    for (std::int64_t j = i; j < n; ++j) map_packs<1>(f, y + j, load<1>(x + j)...);
  }
}

struct Itself {
  __device__ float operator()(float x) const { return x; }
};

}  // namespace detail

/// y[i] = f(x[i]...), i < n, in float, with loads and stores of 16 bytes where all pointers allow
/// them: as many elements at a time as 16 bytes of the narrowest array hold. y may be one of the
/// sources. F is a functor with a __device__ operator().
template <class F, class T, class... X>
void map(const Stream& stream, const F& f, std::int64_t n, T* y, const X*... x) {
  constexpr int threads = 256, width = 16 / std::min({sizeof(T), sizeof(X)...});
  if (aligned_to(16, y, x...)) {
    launch<detail::map_kernel<width, F, T, X...>>(
        stream, blocks_for((n + width - 1) / width, threads), threads, 0, f, n, y, x...);
  } else {
    launch<detail::map_kernel<1, F, T, X...>>(stream, blocks_for(n, threads), threads, 0, f, n, y,
                                              x...);
  }
}

/// y[i] = x[i] as T, rounded to nearest even.
template <class T, class X>
void map_converted(const Stream& stream, std::int64_t n, T* y, const X* x) {
  map(stream, detail::Itself(), n, y, x);
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
