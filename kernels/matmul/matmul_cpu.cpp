// SPDX-License-Identifier: MIT
#include "kernels/matmul/matmul.h"

#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu {
namespace {

// The part of the sum that is packed at a time: its panels of b stay in the second-level cache.
constexpr std::int64_t depth = 1024;
constexpr std::int64_t tile_rows = 64;  // rows of c in one call of the inner kernel

// Rows [begin, end) of c (+)= start + a[:, first : first + count] times the packed rows of b.
template <class T>
void rows_of_c(const MatmulShape& shape, std::int64_t begin, std::int64_t end, std::int64_t first,
               std::int64_t count, const T* a, const T* packed, const T* start, bool accumulate,
               T* c) {
  std::int64_t a_row[tile_rows], c_row[tile_rows];
  for (std::int64_t row = begin; row < end; row += tile_rows) {
    const std::int64_t m = std::min(tile_rows, end - row);
    for (std::int64_t i = 0; i < m; ++i) {
      a_row[i] = (row + i) * (shape.transpose_a ? 1 : shape.k);
      c_row[i] = (row + i) * shape.n;
    }
    multiply(Product<T>{.m = m,
                        .n = shape.n,
                        .length = count,
                        .a = a + first * (shape.transpose_a ? shape.m : 1),
                        .a_row = a_row,
                        .a_step = shape.transpose_a ? shape.m : 1,
                        .b = packed,
                        .start = start,
                        .addend = accumulate ? c : nullptr,
                        .c = c,
                        .c_row = c_row});
  }
}

}  // namespace

template <class T>
void matmul(const Stream&, const MatmulShape& shape, const T* a, const T* b, const T* bias,
            bool accumulate, T* c) {
  if (shape.m == 0 || shape.n == 0) return;
  const std::int64_t columns = padded_columns<T>(shape.n);
  const std::int64_t most = std::min(depth, shape.k);
  const Storage scratch =
      Storage::allocate(static_cast<std::size_t>((most + 1) * columns) * sizeof(T), Device());
  T* packed = reinterpret_cast<T*>(scratch.data());
  T* start = packed + most * columns;
  std::fill_n(start, columns, T{0});
  if (bias) std::copy_n(bias, shape.n, start);

  const std::int64_t row_step = shape.transpose_b ? 1 : shape.n;
  const std::int64_t column_step = shape.transpose_b ? shape.k : 1;
  std::int64_t first = 0;
  do {
    const std::int64_t count = std::min(depth, shape.k - first);
    const std::int64_t grain = 1 + (1 << 18) / (count * shape.n + 1);  // rows worth a thread
    pack(count, shape.n, 0, count, b + first * row_step, row_step, column_step, packed);
    parallel_for(shape.m, grain, [&](std::int64_t begin, std::int64_t end) {
      rows_of_c(shape, begin, end, first, count, a, packed, first ? nullptr : start,
                accumulate || first > 0, c);
    });
    first += count;
  } while (first < shape.k);
}

template void matmul(const Stream&, const MatmulShape&, const float*, const float*, const float*,
                     bool, float*);
template void matmul(const Stream&, const MatmulShape&, const double*, const double*, const double*,
                     bool, double*);

}  // namespace telescope::kernels::cpu
