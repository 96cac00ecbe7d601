// SPDX-License-Identifier: MIT
// The one inner kernel of matrix products and convolutions on the CPU: a register tile of rows
// times vectors of columns. Not for use outside kernels/.
#pragma once

#include <cstdint>

namespace telescope::kernels::cpu {

/// c[i, j] = start[start_row[i] + j] + addend[i, j] + sum over u < runs, t < length of
///             a[a_row[i] + u a_run + t a_step] b[u, t, j],   i < m, j < n,
/// where c[i, j] and addend[i, j] stand at c_row[i] + j. Rows are found through tables of offsets, so that the
/// rows of `a` may be the windows of a convolution: `runs` kernel rows of `length` = S C elements.
template <class T>
struct Product {
  std::int64_t m = 0, n = 0;
  std::int64_t runs = 1, length = 0;
  const T* a = nullptr;
  const std::int64_t* a_row = nullptr;  // [m]
  std::int64_t a_run = 0, a_step = 1;
  /// With `packed`, what pack() wrote of a matrix of runs * length rows; or, where they are a part of
  /// it, of `packed_rows`, of which b[u, t] is row b_first + u b_run + t. Else b[u, t, j] stands at
  /// b[u b_run + t b_step + j].
  const T* b = nullptr;
  bool packed = true;
  std::int64_t packed_rows = 0, b_first = 0;
  std::int64_t b_run = 0, b_step = 0;
  const T* start = nullptr;                 // rows of padded_columns(n), or null for zeros
  const std::int64_t* start_row = nullptr;  // [m], or null where all rows start alike
  const T* addend = nullptr;                // null for zeros; c, to add to what is there
  T* c = nullptr;
  const std::int64_t* c_row = nullptr;  // [m]
  bool past_caches = false;             // c, all of whose rows begin at whole vectors, is large
};

/// Computes on the calling thread. Every element is summed in the order written above, however its
/// row or column falls into tiles.
template <class T>
void multiply(const Product<T>& product);

/// The same, but for `packed` and past_caches, for at most narrow_columns columns, which stand one after the other: b[u, t, j] at
/// b[(j runs + u) length + t]. a_step is 1; lanes of a vector are summed apart, and then together.
template <class T>
void multiply_narrow(const Product<T>& product);
inline constexpr std::int64_t narrow_columns = 4;

/// n rounded up to whole vectors of any instruction set.
template <class T>
constexpr std::int64_t padded_columns(std::int64_t n) {
  constexpr std::int64_t widest = 64 / sizeof(T);
  return (n + widest - 1) / widest * widest;
}

/// Rows [first, first + count) of a matrix of `rows` x `n`, element (p, j) at
/// source[(p - first) row_step + j column_step], into panels of columns, padded with zeros, at
/// `packed`: rows * padded_columns(n) elements in all.
template <class T>
void pack(std::int64_t rows, std::int64_t n, std::int64_t first, std::int64_t count,
          const T* source, std::int64_t row_step, std::int64_t column_step, T* packed);

}  // namespace telescope::kernels::cpu
