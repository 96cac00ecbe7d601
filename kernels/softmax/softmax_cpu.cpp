// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/softmax/softmax_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.h"
#include "kernels/simd.h"
#include "kernels/softmax/softmax.h"
#include "kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Rows are short, so they share out to threads whole, and a sum over one needs no chunks.
template <class T>
void softmax_rows(std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  for (std::int64_t r = 0; r < rows; ++r, x += columns, y += columns) {
    const T most = vector_max(columns, x);
    double sum, unused;
    vector_sums<T>(columns, sum, unused, [=](auto d, std::int64_t i, auto& a, auto&) HWY_ATTR {
      const auto e = exp_of(d, hn::Sub(hn::LoadU(d, x + i), hn::Set(d, most)));
      hn::StoreU(e, d, y + i);
      a = hn::Add(a, e);
    });
    const T factor = static_cast<T>(1 / sum);
    vector_loop<T>(columns, [=](auto d, std::int64_t i) HWY_ATTR {
      hn::StoreU(hn::Mul(hn::LoadU(d, y + i), hn::Set(d, factor)), d, y + i);
    });
  }
}

template <class T>
void softmax_backward_rows(std::int64_t rows, std::int64_t columns, const T* y, const T* dy,
                           T* dx) {
  for (std::int64_t r = 0; r < rows; ++r, y += columns, dy += columns, dx += columns) {
    double sum, unused;
    vector_sums<T>(columns, sum, unused, [=](auto d, std::int64_t i, auto& a, auto&) HWY_ATTR {
      a = hn::MulAdd(hn::LoadU(d, y + i), hn::LoadU(d, dy + i), a);
    });
    const T projection = static_cast<T>(sum);
    vector_loop<T>(columns, [=](auto d, std::int64_t i) HWY_ATTR {
      const auto gap = hn::Sub(hn::LoadU(d, dy + i), hn::Set(d, projection));
      hn::StoreU(hn::Mul(hn::LoadU(d, y + i), gap), d, dx + i);
    });
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

constexpr std::int64_t grain = 1 << 12;  // elements worth a thread

template <class T>
void softmax(const Stream&, std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  parallel_for(rows, grain / columns, [=](std::int64_t r, std::int64_t end) {
    TELESCOPE_SIMD(softmax_rows<T>)(end - r, columns, x + r * columns, y + r * columns);
  });
}

template <class T>
void softmax_backward(const Stream&, std::int64_t rows, std::int64_t columns, const T* y,
                      const T* dy, T* dx) {
  parallel_for(rows, grain / columns, [=](std::int64_t r, std::int64_t end) {
    const std::int64_t i = r * columns;
    TELESCOPE_SIMD(softmax_backward_rows<T>)(end - r, columns, y + i, dy + i, dx + i);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                  \
  template void softmax(const Stream&, std::int64_t, std::int64_t, const T*, T*); \
  template void softmax_backward(const Stream&, std::int64_t, std::int64_t, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
