// SPDX-License-Identifier: MIT
// Launches over rows, and what is known only at run time and wanted as a template argument.
// Included by simt.h.
#pragma once

#include <bit>
#include <cstdint>

#include "core/error.h"
#include "kernels/simt/launch.h"
#include "kernels/simt/memory.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// Calls f.operator()<width>() with packs of 16 bytes of T where `divides` (the lengths are
/// multiples of a pack) and all pointers allow them, else with width 1.
///   with_width<T>(length % pack_width<T> == 0, [&]<int width>() {...}, x, y);
template <class T>
inline constexpr int pack_width = 16 / sizeof(T);
template <class T, class F, class... P>
void with_width(bool divides, const F& f, const P*... pointers) {
  if (divides && aligned_to(16, pointers...)) {
    f.template operator()<pack_width<T>>();
  } else {
    f.template operator()<1>();
  }
}

/// The launch of a thread for each of `length` items of each of `rows` rows, where threads stride
/// over rows. Short rows share a block. An item's number fits 32 bits, so that dividing it is cheap;
/// Error for longer rows.
struct RowGrid {
  dim3 grid, block;
  RowGrid(std::int64_t rows, std::int64_t length) {
    if (length >= std::int64_t{1} << 31) {
      raise(Scope::current(), "expected rows of less than 2^31 elements, got {}", length);
    }
    constexpr unsigned threads = 256;
    const auto wanted = static_cast<unsigned>(length < 1 ? 1 : length > threads ? threads : length);
    block = dim3(std::bit_ceil(wanted), threads / std::bit_ceil(wanted));
    grid = dim3(blocks_for(length, static_cast<int>(block.x)),
                blocks_for(rows, static_cast<int>(block.y), 65535));
  }
};
__device__ __forceinline__ unsigned row_item() { return blockIdx.x * blockDim.x + threadIdx.x; }
__device__ __forceinline__ std::int64_t first_row() {
  return std::int64_t{blockIdx.y} * blockDim.y + threadIdx.y;
}
__device__ __forceinline__ std::int64_t row_stride() {
  return std::int64_t{gridDim.y} * blockDim.y;
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
