// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace telescope::kernels::cpu {

/// Whether y [rows, n] is so large that it leaves the caches before it is read again, and lies so
/// that whole vectors of it can be written past them (hn::Stream(), then hwy::FlushStream()): a
/// cache would read each line before it is written. Of less, whoever reads y next would have to wait
/// for memory.
template <class T>
bool written_past_caches(const T* y, std::int64_t rows, std::int64_t n) {
  constexpr std::int64_t large = 8 << 20, vector = 64;
  const std::int64_t row = n * std::int64_t{sizeof(T)};
  return rows * row >= large && row % vector == 0 &&
         reinterpret_cast<std::uintptr_t>(y) % vector == 0;
}

}  // namespace telescope::kernels::cpu
