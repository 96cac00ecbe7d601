// SPDX-License-Identifier: MIT
// Plain loops over 16 lanes of doubles: the compiler turns them into the vectors of each
// instruction set, and the order of the sum stays the same on all of them.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/reduce/reduce_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/reduce/reduce.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {

constexpr int lanes = 16;

// Sum of term(i), i < n: lane i % 16 takes term i, then the lanes are added in pairs.
template <class F>
HWY_INLINE double sum_terms(std::int64_t n, const F& term) {
  double lane[lanes] = {};
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    for (int k = 0; k < lanes; ++k) lane[k] += term(i + k);
  }
  for (int k = 0; i < n; ++i, ++k) lane[k] += term(i);
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) lane[k] += lane[k + half];
  }
  return lane[0];
}

template <class T>
double sum_range(std::int64_t n, const T* x) {
  return sum_terms(n, [=](std::int64_t i) HWY_ATTR { return static_cast<double>(x[i]); });
}

template <class T>
double dot_range(std::int64_t n, const T* a, const T* b) {
  return sum_terms(n, [=](std::int64_t i) HWY_ATTR {
    return static_cast<double>(a[i]) * static_cast<double>(b[i]);
  });
}

template <class T>
void scale_range(std::int64_t n, T factor, const T* x, T* y) {
  for (std::int64_t i = 0; i < n; ++i) y[i] = factor * x[i];
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

namespace {
constexpr std::int64_t grain = 1 << 14;  // elements worth a thread

// total(r) = sum of f(r, begin, count) over the chunks of row r, handed to finish(r, total).
template <class F, class Finish>
void sum_chunks(std::int64_t rows, std::int64_t length, const F& f, const Finish& finish) {
  if (rows == 0) return;
  const std::int64_t chunks = std::max<std::int64_t>((length + sum_chunk - 1) / sum_chunk, 1);
  const auto size = static_cast<std::size_t>(rows * chunks) * sizeof(double);
  const Storage workspace = Storage::allocate(size, Device());
  auto* partial = reinterpret_cast<double*>(workspace.data());
  parallel_for(rows * chunks, grain / std::clamp<std::int64_t>(length, 1, sum_chunk),
               [&](std::int64_t task, std::int64_t end) {
                 for (; task < end; ++task) {
                   const std::int64_t begin = task % chunks * sum_chunk;
                   partial[task] = f(task / chunks, begin, std::min(sum_chunk, length - begin));
                 }
               });
  for (std::int64_t r = 0; r < rows; ++r) {
    double total = 0;
    for (std::int64_t k = 0; k < chunks; ++k) total += partial[r * chunks + k];
    finish(r, total);
  }
}
}  // namespace

template <class T>
void sum_rows(const Stream&, std::int64_t rows, std::int64_t length, double factor, const T* x,
              Wide<T>* y) {
  const auto sum = TELESCOPE_SIMD(sum_range<T>);
  sum_chunks(
      rows, length,
      [=](std::int64_t row, std::int64_t begin, std::int64_t count) {
        return sum(count, x + row * length + begin);
      },
      [=](std::int64_t row, double total) { y[row] = static_cast<T>(factor * total); });
}

template <class T>
void dot(const Stream&, std::int64_t n, const T* a, const T* b, double* y) {
  const auto sum = TELESCOPE_SIMD(dot_range<T>);
  sum_chunks(
      1, n,
      [=](std::int64_t, std::int64_t begin, std::int64_t count) {
        return sum(count, a + begin, b + begin);
      },
      [=](std::int64_t, double total) { *y = total; });
}

template <class T>
void spread_rows(const Stream&, std::int64_t rows, std::int64_t length, double factor,
                 const Wide<T>* dy, T* x) {
  if (length == 0) return;
  parallel_for(rows * length, grain, [=](std::int64_t i, std::int64_t end) {
    while (i < end) {
      const std::int64_t row = i / length, stop = std::min(end, (row + 1) * length);
      std::fill(x + i, x + stop, static_cast<T>(factor * static_cast<double>(dy[row])));
      i = stop;
    }
  });
}

template <class T>
void scale_by(const Stream&, std::int64_t n, const T* factor, const T* x, T* y) {
  parallel_for(n, grain, [=](std::int64_t i, std::int64_t end) {
    TELESCOPE_SIMD(scale_range<T>)(end - i, *factor, x + i, y + i);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void sum_rows(const Stream&, std::int64_t, std::int64_t, double, const T*, Wide<T>*); \
  template void spread_rows(const Stream&, std::int64_t, std::int64_t, double, const Wide<T>*,   \
                            T*);                                                                 \
  template void dot(const Stream&, std::int64_t, const T*, const T*, double*);                   \
  template void scale_by(const Stream&, std::int64_t, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
