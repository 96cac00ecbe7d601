// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/product_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>

#include "kernels/matmul/panels-inl.h"
#include "kernels/matmul/product.h"
#include "kernels/partial_vector-inl.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::Product;

// Rows of the largest register tile of so many vectors of columns: its sums, a row of b and one
// broadcast element of a fit the registers, 32 of them or 16.
constexpr int rows_of_tile(int vectors) {
  if (!many_registers) return 4;
  return vectors == 3 ? 8 : 12;
}

// sum[i][v] += the products of rows equally far apart, a[i a_row], and one panel of b; of its last
// vector, where it is kPartial, `valid` columns exist. Three rows share a pointer: a processor adds
// one and two steps to it for nothing, and has too few registers for twelve.
template <bool kPartial, class T, int kRows, int kVectors>
HWY_INLINE void add_products(const Product<T>& p, const T* a, std::int64_t a_row, const T* b,
                             std::int64_t valid,
                             hn::Vec<hn::ScalableTag<T>> (&sum)[kRows][kVectors]) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr int pointers = (kRows + 2) / 3;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t b_step = p.packed ? kVectors * lanes : p.b_step;
  const std::int64_t b_run = !p.packed ? p.b_run : (p.packed_rows ? p.b_run : p.length) * b_step;
  const std::int64_t a_step = p.a_step, length = p.length;
  for (std::int64_t run = 0; run < p.runs; ++run) {
    const T* b_at = b + run * b_run;
    const T* a_at[pointers];
    for (int g = 0; g < pointers; ++g) a_at[g] = a + run * p.a_run + 3 * g * a_row;
    for (std::int64_t t = 0; t < length; ++t, b_at += b_step) {
      V b_vector[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        const bool partial = kPartial && v + 1 == kVectors;
        b_vector[v] =
            partial ? load_first(d, b_at + v * lanes, valid) : hn::LoadU(d, b_at + v * lanes);
      }
#pragma GCC unroll 16
      for (int i = 0; i < kRows; ++i) {
        const V a_element = hn::Set(d, a_at[i / 3][i % 3 * a_row]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          sum[i][v] = hn::MulAdd(a_element, b_vector[v], sum[i][v]);
        }
      }
#pragma GCC unroll 4
      for (int g = 0; g < pointers; ++g) a_at[g] += a_step;
    }
  }
}

// One tile: kRows rows from `row` on times kVectors vectors of columns.
template <class T, int kRows, int kVectors>
void tile(const Product<T>& p, std::int64_t row, const T* b, std::int64_t column) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  V sum[kRows][kVectors];
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    const std::int64_t start = column + (p.start_row ? p.start_row[row + i] : 0);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sum[i][v] = p.start ? hn::LoadU(d, p.start + start + v * lanes) : hn::Zero(d);
    }
  }
  const T* a = p.a + p.a_row[row];
  const std::int64_t a_row = kRows > 1 ? p.a_row[row + kRows - 1] - p.a_row[row + kRows - 2] : 0;
  const std::int64_t valid = std::min(lanes, p.n - column - (kVectors - 1) * lanes);
  if (p.packed || valid == lanes) {
    add_products<false>(p, a, a_row, b, valid, sum);
  } else {
    add_products<true>(p, a, a_row, b, valid, sum);
  }
#pragma GCC unroll 16
  for (int i = 0; i < kRows; ++i) {
    std::int64_t at = p.c_row[row + i] + column;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v, at += lanes) {
      if (v + 1 < kVectors || valid == lanes) {
        const V before = p.addend ? hn::LoadU(d, p.addend + at) : hn::Zero(d);
        const V result = p.addend ? hn::Add(before, sum[i][v]) : sum[i][v];
        if (p.past_caches && whole_lines<T>) {
          hn::Stream(result, d, p.c + at);
        } else {
          hn::StoreU(result, d, p.c + at);
        }
      } else {
        const V before = p.addend ? load_first(d, p.addend + at, valid) : hn::Zero(d);
        store_first(p.addend ? hn::Add(before, sum[i][v]) : sum[i][v], d, p.c + at, valid);
      }
    }
  }
}

// The largest tile that `rows` rows fill; returns how many it has.
template <class T, int kRows, int kVectors>
HWY_INLINE std::int64_t fitting_tile(const Product<T>& p, std::int64_t row, std::int64_t rows,
                                     const T* b, std::int64_t column) {
  if constexpr (kRows > 1) {
    constexpr int next = kRows == 12 ? 8 : kRows / 2;
    if (rows < kRows) return fitting_tile<T, next, kVectors>(p, row, rows, b, column);
  }
  tile<T, kRows, kVectors>(p, row, b, column);
  return kRows;
}

// How many of the rows [row, end) are equally far apart.
template <class T>
HWY_INLINE std::int64_t even_rows(const Product<T>& p, std::int64_t row, std::int64_t end) {
  std::int64_t i = row + 1;
  while (i < end && p.a_row[i] - p.a_row[i - 1] == p.a_row[row + 1] - p.a_row[row]) ++i;
  return i - row;
}

// Rows [row, end) times one panel.
template <class T, int kVectors>
void panel_product(const Product<T>& p, std::int64_t row, std::int64_t end, const T* b,
                   std::int64_t column) {
  constexpr int most = rows_of_tile(kVectors);
  while (row < end) {
    const std::int64_t rows = even_rows(p, row, std::min<std::int64_t>(row + most, end));
    row += fitting_tile<T, most, kVectors>(p, row, rows, b, column);
  }
}

// A panel of b stays in the first-level cache for all rows; or, where all of b fits, a few rows for
// all panels, so that c is written from one end to the other.
template <class T>
void multiply_all(const Product<T>& p) {
  constexpr std::int64_t cached = (16 << 10) / sizeof(T), few_rows = 48;
  const std::int64_t lanes = lanes_of<T>(), depth = p.runs * p.length;
  const std::int64_t packed_rows = p.packed_rows ? p.packed_rows : depth;
  const Panels panels = panels_of<T>(p.n);
  const std::int64_t step = depth * p.n <= cached ? few_rows : p.m;
  for (std::int64_t row = 0; row < p.m; row += step) {
    const std::int64_t end = std::min(row + step, p.m);
    for (std::int64_t i = 0; i < panels.count; ++i) {
      const Panel panel = panels[i];
      const std::int64_t column = panel.first * lanes;
      const T* b =
          p.b + (p.packed ? column * packed_rows + p.b_first * panel.vectors * lanes : column);
      if (panel.vectors == 3) panel_product<T, 3>(p, row, end, b, column);
      if (panel.vectors == 2) panel_product<T, 2>(p, row, end, b, column);
      if (panel.vectors == 1) panel_product<T, 1>(p, row, end, b, column);
    }
  }
  if (p.past_caches) hwy::FlushStream();
}

template <class T>
void pack_all(std::int64_t rows, std::int64_t n, std::int64_t first, std::int64_t count,
              const T* source, std::int64_t row_step, std::int64_t column_step, T* packed) {
  const std::int64_t lanes = lanes_of<T>();
  const Panels panels = panels_of<T>(n);
  for (std::int64_t i = 0; i < panels.count; ++i) {
    const Panel panel = panels[i];
    const std::int64_t column = panel.first * lanes, width = panel.vectors * lanes;
    const std::int64_t valid = std::min(width, n - column);
    const T* from = source + column * column_step;
    T* to = packed + column * rows + first * width;
    if (row_step == 1) {
      transpose(valid, count, from, column_step, to, width);
    } else {
      for (std::int64_t p = 0; p < count; ++p) {
        const T* row = from + p * row_step;
        if (column_step == 1) {
          std::copy_n(row, valid, to + p * width);
        } else {
          for (std::int64_t j = 0; j < valid; ++j) to[p * width + j] = row[j * column_step];
        }
      }
    }
    for (std::int64_t p = 0; p < count; ++p) {
      std::fill(to + p * width + valid, to + (p + 1) * width, T{0});
    }
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

template <class T>
void multiply(const Product<T>& product) {
  TELESCOPE_SIMD(multiply_all<T>)(product);
}

template <class T>
void pack(std::int64_t rows, std::int64_t n, std::int64_t first, std::int64_t count,
          const T* source, std::int64_t row_step, std::int64_t column_step, T* packed) {
  TELESCOPE_SIMD(pack_all<T>)(rows, n, first, count, source, row_step, column_step, packed);
}

#define TELESCOPE_INSTANTIATE(T)                                                       \
  template void multiply(const Product<T>&);                                           \
  template void pack(std::int64_t, std::int64_t, std::int64_t, std::int64_t, const T*, \
                     std::int64_t, std::int64_t, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
