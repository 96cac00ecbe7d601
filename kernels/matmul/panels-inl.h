// SPDX-License-Identifier: MIT
// How a matrix lies that pack() has packed, on each instruction set: its columns in panels of a few
// vectors, the rows of a panel one after the other. Include it after kernels/simd.h, once per
// instruction set (hence no #pragma once).
#if defined(TELESCOPE_KERNELS_MATMUL_PANELS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TELESCOPE_KERNELS_MATMUL_PANELS_INL_H_
#undef TELESCOPE_KERNELS_MATMUL_PANELS_INL_H_
#else
#define TELESCOPE_KERNELS_MATMUL_PANELS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstdint>
#include <type_traits>

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {

inline constexpr int max_vectors = 3;

/// Whether there are 32 registers, else 16.
inline constexpr bool many_registers =
    HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON;

/// Whether a vector is a line of a cache, so that it can be written past the caches by itself.
template <class T>
inline constexpr bool whole_lines =
    hwy::HWY_NAMESPACE::MaxLanes(hwy::HWY_NAMESPACE::ScalableTag<T>()) * sizeof(T) == 64;

template <class T>
std::int64_t lanes_of() {
  return static_cast<std::int64_t>(hwy::HWY_NAMESPACE::Lanes(hwy::HWY_NAMESPACE::ScalableTag<T>()));
}

/// Columns that are worked on together, counted in vectors.
struct Panel {
  std::int64_t first, vectors;
};

/// The panels of a matrix, as equal as can be.
struct Panels {
  std::int64_t vectors, count;

  explicit Panels(std::int64_t all) : vectors(all), count((all + max_vectors - 1) / max_vectors) {}
  Panel operator[](std::int64_t i) const {
    const std::int64_t first = vectors * i / count;
    return {first, vectors * (i + 1) / count - first};
  }
};

template <class T>
Panels panels_of(std::int64_t columns) {
  return Panels((columns + lanes_of<T>() - 1) / lanes_of<T>());
}

namespace detail {
// to[j to_step + i] = from[i from_step + j], i, j < 4
template <class T>
HWY_INLINE void transpose_4x4(const T* from, std::int64_t from_step, T* to, std::int64_t to_step) {
  for (int i = 0; i < 4; ++i) {
    for (int j = 0; j < 4; ++j) to[j * to_step + i] = from[i * from_step + j];
  }
}
#if HWY_TARGET != HWY_SCALAR
HWY_INLINE void transpose_4x4(const float* from, std::int64_t from_step, float* to,
                              std::int64_t to_step) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::FixedTag<float, 4> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  const auto interleaved = [=](int i, auto upper) HWY_ATTR {  // rows i and i + 1
    const auto one = hn::LoadU(d, from + i * from_step),
               two = hn::LoadU(d, from + (i + 1) * from_step);
    if constexpr (decltype(upper)::value)
      return hn::BitCast(pairs, hn::InterleaveUpper(d, one, two));
    else
      return hn::BitCast(pairs, hn::InterleaveLower(d, one, two));
  };
  const auto store = [=](int j, auto one, auto two) HWY_ATTR {
    hn::StoreU(hn::BitCast(d, hn::InterleaveLower(pairs, one, two)), d, to + j * to_step);
    hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(pairs, one, two)), d, to + (j + 1) * to_step);
  };
  store(0, interleaved(0, std::false_type()), interleaved(2, std::false_type()));
  store(2, interleaved(0, std::true_type()), interleaved(2, std::true_type()));
}
#endif
}  // namespace detail

/// to[j to_step + i] = from[i from_step + j], i < rows, j < columns
template <class T>
HWY_INLINE void transpose(std::int64_t rows, std::int64_t columns, const T* from,
                          std::int64_t from_step, T* to, std::int64_t to_step) {
  for (std::int64_t i = 0; i < rows; i += 4) {
    for (std::int64_t j = 0; j < columns; j += 4) {
      const T* block = from + i * from_step + j;
      T* there = to + j * to_step + i;
      if (i + 4 <= rows && j + 4 <= columns) {
        detail::transpose_4x4(block, from_step, there, to_step);
        continue;
      }
      for (std::int64_t a = 0; a < 4 && i + a < rows; ++a) {
        for (std::int64_t b = 0; b < 4 && j + b < columns; ++b) {
          there[b * to_step + a] = block[a * from_step + b];
        }
      }
    }
  }
}

}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
