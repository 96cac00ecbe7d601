// SPDX-License-Identifier: MIT
// Sums and maxima over warps and blocks, in an order that is always the same. Included by simt.h.
#pragma once

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

inline constexpr unsigned all_lanes = 0xffffffffu;

__device__ __forceinline__ int lane_number() { return static_cast<int>(threadIdx.x % 32); }
__device__ __forceinline__ int warp_number() { return static_cast<int>(threadIdx.x / 32); }

/// The sum over the warp, on every lane: a butterfly, so all lanes have the same bits.
template <class T>
__device__ __forceinline__ T warp_sum(T value) {
  for (int bits = 16; bits > 0; bits /= 2) value += __shfl_xor_sync(all_lanes, value, bits);
  return value;
}
template <class T>
__device__ __forceinline__ T warp_max(T value) {
  for (int bits = 16; bits > 0; bits /= 2) {
    const T other = __shfl_xor_sync(all_lanes, value, bits);
    value = other > value ? other : value;
  }
  return value;
}

namespace detail {
template <class T, int warps>
struct BlockPartials {
  T of_warp[warps];
};
}  // namespace detail

/// The sum over a block of `threads` threads (a multiple of 32) along x, on every thread. May be
/// called again at once.
template <int threads, class T>
__device__ __forceinline__ T block_sum(T value) {
  auto& partials = shared<detail::BlockPartials<T, threads / 32>>().of_warp;
  value = warp_sum(value);
  __syncthreads();  // the partials of a call before may still be read
  if (lane_number() == 0) partials[warp_number()] = value;
  __syncthreads();
  T sum = partials[0];
  for (int w = 1; w < threads / 32; ++w) sum += partials[w];
  return sum;
}

/// The maximum, alike.
template <int threads, class T>
__device__ __forceinline__ T block_max(T value) {
  auto& partials = shared<detail::BlockPartials<T, threads / 32>>().of_warp;
  value = warp_max(value);
  __syncthreads();
  if (lane_number() == 0) partials[warp_number()] = value;
  __syncthreads();
  for (int w = 0; w < threads / 32; ++w) value = partials[w] > value ? partials[w] : value;
  return value;
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
