// SPDX-License-Identifier: MIT
// CUDA's own names, as far as the kernels use them, for the simulator.
#pragma once

#include <algorithm>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>

#include "kernels/simt/simulator.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

#define threadIdx (::telescope::simt::this_thread().thread_index)
#define blockIdx (::telescope::simt::this_thread().block_index())
#define blockDim (::telescope::simt::this_thread().geometry().block)
#define gridDim (::telescope::simt::this_thread().geometry().grid)

namespace telescope::kernels::cuda_sim {

constexpr int warpSize = 32;

struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned nx = 1, unsigned ny = 1, unsigned nz = 1) : x(nx), y(ny), z(nz) {}
};

using Where = std::source_location;

inline void __syncthreads(Where at = Where::current()) { simt::this_thread().barrier(at); }
inline void __syncwarp(unsigned mask = 0xffffffffu, Where at = Where::current()) {
  simt::this_thread().exchange(simt::WarpOperation::sync, mask, 0, at);
}
inline void __threadfence() {}
inline void __threadfence_block() {}

// --- warps: `width` is 32 throughout ------------------------------------------------------------

template <class T>
T __shfl_sync(unsigned mask, T value, int lane, Where at = Where::current()) {
  const auto all = simt::this_thread().exchange(simt::WarpOperation::shuffle, mask, value, at);
  const auto from = static_cast<unsigned>(lane) % 32;
  if (!(mask >> from & 1)) simt::this_thread().fail("takes a value from a lane outside the mask");
  return all.template of<T>(from);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, Where at = Where::current()) {
  const unsigned lane = simt::this_thread().lane();
  return __shfl_sync(mask, value, static_cast<int>(lane ^ static_cast<unsigned>(bits)), at);
}
/// Lanes without a partner keep their value.
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, Where at = Where::current()) {
  const unsigned lane = simt::this_thread().lane(), from = lane + delta;
  return __shfl_sync(mask, value, static_cast<int>(from < 32 ? from : lane), at);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, Where at = Where::current()) {
  const unsigned lane = simt::this_thread().lane();
  return __shfl_sync(mask, value, static_cast<int>(lane >= delta ? lane - delta : lane), at);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, Where at = Where::current()) {
  const auto all = simt::this_thread().exchange(simt::WarpOperation::vote, mask, predicate, at);
  unsigned votes = 0;
  for (unsigned l = 0; l < 32; ++l) {
    if ((mask >> l & 1) && all.of<int>(l)) votes |= 1u << l;
  }
  return votes;
}
inline int __any_sync(unsigned mask, int predicate, Where at = Where::current()) {
  return __ballot_sync(mask, predicate, at) != 0;
}
inline int __all_sync(unsigned mask, int predicate, Where at = Where::current()) {
  return __ballot_sync(mask, predicate, at) == mask;
}

// --- memory --------------------------------------------------------------------------------------

template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class T>
T atomicAdd(T* address, T value) {
  return std::atomic_ref<T>(*address).fetch_add(value);
}
template <class T>
T atomicMax(T* address, T value) {
  std::atomic_ref<T> target(*address);
  T old = target.load();
  while (old < value && !target.compare_exchange_weak(old, value)) {
  }
  return old;
}

// --- arithmetic ----------------------------------------------------------------------------------

using std::max;
using std::min;

inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __expf(float a) { return std::exp(a); }
inline float __logf(float a) { return std::log(a); }
inline float rsqrtf(float a) { return 1 / std::sqrt(a); }
inline double rsqrt(double a) { return 1 / std::sqrt(a); }
inline unsigned __umulhi(unsigned a, unsigned b) {
  return static_cast<unsigned>(std::uint64_t{a} * b >> 32);
}
inline int __popc(unsigned a) { return std::popcount(a); }
inline int __clz(int a) { return std::countl_zero(static_cast<unsigned>(a)); }
inline int __ffs(int a) { return a ? std::countr_zero(static_cast<unsigned>(a)) + 1 : 0; }
inline unsigned __float_as_uint(float a) { return std::bit_cast<unsigned>(a); }
inline int __float_as_int(float a) { return std::bit_cast<int>(a); }
inline float __uint_as_float(unsigned a) { return std::bit_cast<float>(a); }
inline float __int_as_float(int a) { return std::bit_cast<float>(a); }

}  // namespace telescope::kernels::cuda_sim
