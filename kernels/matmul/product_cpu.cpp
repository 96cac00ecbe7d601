// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/product_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/matmul/product.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::Product;

// Accumulators, a row of b and one broadcast element of a fit the registers: 8 x 3 + 3 + 1 of 32,
// or 4 x 3 + 3 + 1 of 16.
constexpr bool many_registers =
    HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL || HWY_TARGET == HWY_NEON;
constexpr int max_rows = many_registers ? 8 : 4;
constexpr int max_vectors = 3;

// Columns of b that are worked on together, counted in vectors.
struct Panel {
  std::int64_t first, vectors;
};
struct Panels {
  std::int64_t vectors, count;

  explicit Panels(std::int64_t all) : vectors(all), count((all + max_vectors - 1) / max_vectors) {}
  Panel operator[](std::int64_t i) const {
    const std::int64_t first = vectors * i / count;
    return {first, vectors * (i + 1) / count - first};
  }
};

template <class T>
std::int64_t lanes_of() {
  return static_cast<std::int64_t>(hn::Lanes(hn::ScalableTag<T>()));
}

template <class T>
Panels panels_of(std::int64_t n) {
  return Panels((n + lanes_of<T>() - 1) / lanes_of<T>());
}

// One tile: kRows rows from `row` on (of which `rows` exist) times kVectors vectors of columns.
template <class T, int kRows, int kVectors>
void tile(const Product<T>& p, std::int64_t row, std::int64_t rows, const T* b,
          std::int64_t column) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t b_step = p.packed ? kVectors * lanes : p.b_step;
  const std::int64_t b_run = p.packed ? p.length * b_step : p.b_run;

  const T* a[kRows];  // rows that do not exist repeat the last one and are not stored
  V sum[kRows][kVectors];
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    const std::int64_t at = row + std::min<std::int64_t>(i, rows - 1);
    a[i] = p.a + p.a_row[at];
    const std::int64_t start = column + (p.start_row ? p.start_row[at] : 0);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      sum[i][v] = p.start ? hn::LoadU(d, p.start + start + v * lanes) : hn::Zero(d);
    }
  }
  for (std::int64_t run = 0; run < p.runs; ++run) {
    const T* b_row = b + run * b_run;
    std::int64_t at = run * p.a_run;
    for (std::int64_t t = 0; t < p.length; ++t, b_row += b_step, at += p.a_step) {
      V b_vector[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) b_vector[v] = hn::LoadU(d, b_row + v * lanes);
#pragma GCC unroll 8
      for (int i = 0; i < kRows; ++i) {
        const V a_element = hn::Set(d, a[i][at]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          sum[i][v] = hn::MulAdd(a_element, b_vector[v], sum[i][v]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kRows; ++i) {
    if (i >= rows) break;
    std::int64_t at = p.c_row[row + i] + column;
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v, at += lanes) {
      const std::int64_t left = p.n - column - v * lanes;
      if (left >= lanes) {
        hn::StoreU(p.addend ? hn::Add(hn::LoadU(d, p.addend + at), sum[i][v]) : sum[i][v], d,
                   p.c + at);
      } else {
        HWY_ALIGN T some[HWY_MAX_BYTES / sizeof(T)];
        hn::Store(sum[i][v], d, some);
        for (std::int64_t j = 0; j < left; ++j) {
          p.c[at + j] = p.addend ? p.addend[at + j] + some[j] : some[j];
        }
      }
    }
  }
}

// All rows times one panel.
template <class T, int kVectors>
void panel_product(const Product<T>& p, const T* b, std::int64_t column) {
  for (std::int64_t row = 0; row < p.m; row += max_rows) {
    const std::int64_t rows = std::min<std::int64_t>(p.m - row, max_rows);
    if (rows > max_rows / 2) {
      tile<T, max_rows, kVectors>(p, row, rows, b, column);
    } else if (rows > 1) {
      tile<T, max_rows / 2, kVectors>(p, row, rows, b, column);
    } else {
      tile<T, 1, kVectors>(p, row, rows, b, column);
    }
  }
}

template <class T>
void multiply_all(const Product<T>& p) {
  const std::int64_t lanes = lanes_of<T>();
  const Panels panels = panels_of<T>(p.n);
  for (std::int64_t i = 0; i < panels.count; ++i) {
    const Panel panel = panels[i];
    const std::int64_t column = panel.first * lanes;
    const T* b = p.b + column * (p.packed ? p.runs * p.length : 1);
    if (panel.vectors == 3) panel_product<T, 3>(p, b, column);
    if (panel.vectors == 2) panel_product<T, 2>(p, b, column);
    if (panel.vectors == 1) panel_product<T, 1>(p, b, column);
  }
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
    for (std::int64_t p = 0; p < count; ++p, to += width, from += row_step) {
      if (column_step == 1) {
        for (std::int64_t j = 0; j < valid; ++j) to[j] = from[j];
      } else {
        for (std::int64_t j = 0; j < valid; ++j) to[j] = from[j * column_step];
      }
      for (std::int64_t j = valid; j < width; ++j) to[j] = 0;
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
