// SPDX-License-Identifier: MIT
// Products with few columns: vectors along the sum, since along the columns they would be almost
// empty.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/matmul/narrow_product_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/matmul/product.h"
#include "kernels/partial_vector-inl.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::narrow_columns;
using cpu::Product;

constexpr int rows_of_tile = 4;
static_assert(narrow_columns == 4, "add_lanes() makes four sums of four vectors");

template <class T>
using Vector = hn::Vec<hn::ScalableTag<T>>;

// to[j] = the sum of the lanes of from[j]
template <class T>
HWY_INLINE void add_lanes(const Vector<T>* from, T* to) {
  const hn::ScalableTag<T> d;
  for (int j = 0; j < narrow_columns; ++j) to[j] = hn::GetLane(hn::SumOfLanes(d, from[j]));
}

#if HWY_TARGET != HWY_SCALAR
HWY_INLINE void store_sum_of_quarters(hn::Vec<hn::FixedTag<float, 4>> v, float* to) {
  hn::StoreU(v, hn::FixedTag<float, 4>(), to);
}
template <class V>
HWY_INLINE void store_sum_of_quarters(V v, float* to) {
  const hn::DFromV<V> d;
  const hn::Half<decltype(d)> half;
  store_sum_of_quarters(hn::Add(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), to);
}

// All four at once: a quarter of the shuffles.
HWY_INLINE void add_lanes(const Vector<float>* from, float* to) {
  const hn::ScalableTag<float> d;
  const hn::RepartitionToWide<decltype(d)> pairs;
  const auto two = [=](Vector<float> x, Vector<float> y) HWY_ATTR {  // x, y, x, y: halves of both
    return hn::BitCast(pairs, hn::Add(hn::InterleaveLower(d, x, y), hn::InterleaveUpper(d, x, y)));
  };
  const auto first = two(from[0], from[1]), second = two(from[2], from[3]);
  const auto four = hn::Add(hn::BitCast(d, hn::InterleaveLower(pairs, first, second)),
                            hn::BitCast(d, hn::InterleaveUpper(pairs, first, second)));
  store_sum_of_quarters(four, to);
}
#endif

// kRows rows from `row` on times kColumns columns.
template <class T, int kRows, int kColumns>
HWY_INLINE void tile(const Product<T>& p, std::int64_t row) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  Vector<T> sum[kRows][narrow_columns];
  const T* a[kRows];
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
    a[i] = p.a + p.a_row[row + i];
#pragma GCC unroll 4
    for (int j = 0; j < narrow_columns; ++j) sum[i][j] = hn::Zero(d);
  }
  const std::int64_t b_column = p.runs * p.length;
  for (std::int64_t run = 0; run < p.runs; ++run) {
    for (std::int64_t t = 0; t < p.length; t += lanes) {
      const std::int64_t valid = std::min(lanes, p.length - t);
      const auto load = [=](const T* from) HWY_ATTR {
        return valid == lanes ? hn::LoadU(d, from) : load_first(d, from, valid);
      };
      Vector<T> b[kColumns];
#pragma GCC unroll 4
      for (int j = 0; j < kColumns; ++j) b[j] = load(p.b + j * b_column + run * p.length + t);
#pragma GCC unroll 4
      for (int i = 0; i < kRows; ++i) {
        const Vector<T> element = load(a[i] + run * p.a_run + t);
#pragma GCC unroll 4
        for (int j = 0; j < kColumns; ++j) sum[i][j] = hn::MulAdd(element, b[j], sum[i][j]);
      }
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kRows; ++i) {
    T total[narrow_columns];
    add_lanes(sum[i], total);
    const std::int64_t at = p.c_row[row + i];
    const T* start = p.start ? p.start + (p.start_row ? p.start_row[row + i] : 0) : nullptr;
    for (int j = 0; j < kColumns; ++j) {
      const T c = start ? start[j] + total[j] : total[j];
      p.c[at + j] = p.addend ? p.addend[at + j] + c : c;
    }
  }
}

template <class T, int kColumns>
void all_rows(const Product<T>& p) {
  std::int64_t row = 0;
  for (; row + rows_of_tile <= p.m; row += rows_of_tile) tile<T, rows_of_tile, kColumns>(p, row);
  for (; row < p.m; ++row) tile<T, 1, kColumns>(p, row);
}

template <class T>
void multiply_narrow_all(const Product<T>& p) {
  if (p.n == 1) all_rows<T, 1>(p);
  if (p.n == 2) all_rows<T, 2>(p);
  if (p.n == 3) all_rows<T, 3>(p);
  if (p.n == 4) all_rows<T, 4>(p);
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

template <class T>
void multiply_narrow(const Product<T>& product) {
  TELESCOPE_SIMD(multiply_narrow_all<T>)(product);
}

template void multiply_narrow(const Product<float>&);
template void multiply_narrow(const Product<double>&);

}  // namespace telescope::kernels::cpu
#endif
