// SPDX-License-Identifier: MIT
// cp.async (sm_80 and newer): copies from global to shared memory that pass by the registers.
// Included by simt.h.
#pragma once

#include "kernels/simt/memory.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// Starts a copy of `bytes` (4, 8 or 16) to shared memory, both ends aligned to them, of which only
/// the first `from_bytes` are read; the rest becomes zero. Copies of 16 bytes do not pass through
/// the first-level cache.
template <int bytes>
__device__ __forceinline__ void copy_async(void* to_shared, const void* from_global,
                                           int from_bytes = bytes) {
  static_assert(bytes == 4 || bytes == 8 || bytes == 16);
#if defined(__CUDACC__)
  const auto to = static_cast<unsigned>(__cvta_generic_to_shared(to_shared));
  if constexpr (bytes == 16) {
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from_global),
                 "r"(from_bytes)
                 : "memory");
  } else {
    asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(to), "l"(from_global),
                 "n"(bytes), "r"(from_bytes)
                 : "memory");
  }
#else
  check_alignment<bytes>(to_shared, "copies asynchronously to");
  check_alignment<bytes>(from_global, "copies asynchronously from");
  simt::this_thread().copy_async(to_shared, from_global, bytes,
                                 static_cast<std::size_t>(from_bytes));
#endif
}

/// Ends a group of copies.
__device__ __forceinline__ void commit_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#else
  simt::this_thread().commit_copies();
#endif
}

/// Waits for this thread's groups, but for the `pending` latest. Other threads see what was copied
/// after a __syncthreads() that follows.
template <int pending>
__device__ __forceinline__ void wait_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory");
#else
  simt::this_thread().wait_copies(pending);
#endif
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
