// SPDX-License-Identifier: MIT
// Shared memory and vector access, for both compilers of a kernel. Included by simt.h.
#pragma once

#include <cstddef>
#include <cstdint>

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// The block's one variable of type T in static shared memory, uninitialised:
///   auto& tile = shared<float[32][33]>();
/// Asking twice for the same T gives the same memory; put two arrays of one type into a struct.
template <class T>
__device__ __forceinline__ T& shared() {
#if defined(__CUDACC__)
  __shared__ alignas(16) unsigned char memory[sizeof(T)];
  return *reinterpret_cast<T*>(memory);
#else
  static constexpr char tag = 0;
  return *static_cast<T*>(simt::this_thread().shared_variable(&tag, sizeof(T), 16));
#endif
}

/// The dynamic shared memory that the launch asked for, aligned to 128 bytes.
template <class T>
__device__ __forceinline__ T* dynamic_shared() {
#if defined(__CUDACC__)
  extern __shared__ __align__(128) unsigned char telescope_dynamic_shared[];
  return reinterpret_cast<T*>(telescope_dynamic_shared);
#else
  return reinterpret_cast<T*>(simt::this_thread().dynamic_shared());
#endif
}

/// Where n elements are loaded or stored at once: at multiples of their bytes in all, or of 16.
template <class T, int n>
inline constexpr int pack_alignment = static_cast<int>(sizeof(T) * n < 16 ? sizeof(T) * n : 16);

/// n elements that are loaded and stored in one instruction, of 2, 4, 8 or 16 bytes in all; in two
/// if they have 32, as the floats that go with 16 bytes of bf16 do.
template <class T, int n>
struct alignas(pack_alignment<T, n>) Pack {
  T v[n];
  __device__ __forceinline__ T& operator[](int i) { return v[i]; }
  __device__ __forceinline__ const T& operator[](int i) const { return v[i]; }
};

#if defined(__CUDACC__)
template <int bytes>
__device__ __forceinline__ void check_alignment(const void*, const char*) {}
#else
template <int bytes>
void check_alignment(const void* address, const char* what) {
  if (reinterpret_cast<std::uintptr_t>(address) % bytes) {
    simt::this_thread().fail(std::string(what) + " an address that is not a multiple of " +
                             std::to_string(bytes) + " bytes");
  }
}
#endif

/// The n elements from `address` on, which must be a multiple of pack_alignment<T, n>.
template <int n, class T>
__device__ __forceinline__ Pack<T, n> load(const T* address) {
  check_alignment<pack_alignment<T, n>>(address, "loads a vector from");
  return *reinterpret_cast<const Pack<T, n>*>(address);
}
template <int n, class T>
__device__ __forceinline__ void store(T* address, const Pack<T, n>& values) {
  check_alignment<pack_alignment<T, n>>(address, "stores a vector to");
  *reinterpret_cast<Pack<T, n>*>(address) = values;
}

/// Whether all pointers are multiples of `bytes`: whether vector code may be launched.
template <class... T>
bool aligned_to(std::size_t bytes, const T*... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) % bytes == 0) && ...);
}

/// This thread's number in the grid, and the number of threads, along x.
__device__ __forceinline__ std::int64_t grid_thread() {
  return std::int64_t{blockIdx.x} * blockDim.x + threadIdx.x;
}
__device__ __forceinline__ std::int64_t grid_threads() {
  return std::int64_t{gridDim.x} * blockDim.x;
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
