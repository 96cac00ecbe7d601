// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/loss/loss_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include "kernels/loss/loss.h"
#include "kernels/sample_chunks.h"
#include "kernels/simd.h"
#include "kernels/vector_loops-inl.h"
#include "kernels/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
double loss_sum_of_range(Loss loss, std::int64_t n, const T* y, const T* target) {
  double sum, unused;
  if (loss == Loss::mse) {
    vector_sums<T>(n, sum, unused, [=](auto d, std::int64_t i, auto& a, auto&) HWY_ATTR {
      const auto gap = hn::Sub(hn::LoadU(d, y + i), hn::LoadU(d, target + i));
      a = hn::MulAdd(gap, gap, a);
    });
  } else {
    vector_sums<T>(n, sum, unused, [=](auto d, std::int64_t i, auto& a, auto&) HWY_ATTR {
      a = hn::Add(a, hn::Abs(hn::Sub(hn::LoadU(d, y + i), hn::LoadU(d, target + i))));
    });
  }
  return sum;
}

// Stores factor * slope to dy and its negative to dtarget, where they are wanted.
template <class T, class Slope>
HWY_INLINE void store_slopes(std::int64_t n, T factor, T* dy, T* dtarget, const Slope& slope) {
  vector_loop<T>(n, [=](auto d, std::int64_t i) HWY_ATTR {
    const auto gradient = hn::Mul(slope(d, i), hn::Set(d, factor));
    if (dy) hn::StoreU(gradient, d, dy + i);
    if (dtarget) hn::StoreU(hn::Neg(gradient), d, dtarget + i);
  });
}

template <class T>
void loss_backward_range(Loss loss, std::int64_t n, const T* y, const T* target, T factor, T* dy,
                         T* dtarget) {
  const auto gap = [=](auto d, std::int64_t i)
                       HWY_ATTR { return hn::Sub(hn::LoadU(d, y + i), hn::LoadU(d, target + i)); };
  if (loss == Loss::mse) return store_slopes(n, 2 * factor, dy, dtarget, gap);
  store_slopes(n, factor, dy, dtarget, [=](auto d, std::int64_t i) HWY_ATTR {
    const auto v = gap(d, i);
    const auto sign = hn::CopySign(hn::Set(d, 1), v);
    return hn::IfThenElse(hn::Eq(v, hn::Zero(d)), hn::Zero(d), sign);
  });
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

template <class T>
void loss(const Stream&, Loss loss, std::int64_t n, std::int64_t m, const T* y,
          const Wide<T>* target, Wide<T>* value) {
  const SampleChunks chunks{n, m, sum_chunk};
  const Workspace<double> parts(chunks.total());
  chunks.for_each([&](auto s, auto part, auto i, auto end) {
    i += s * m, end += s * m;
    parts[part] = TELESCOPE_SIMD(loss_sum_of_range<T>)(loss, end - i, y + i, target + i);
  });
  for (std::int64_t s = 0; s < n; ++s) {
    double sum = 0;
    for (std::int64_t i = 0; i < chunks.per_sample(); ++i)
      sum += parts[s * chunks.per_sample() + i];
    value[s] = static_cast<T>(sum / static_cast<double>(m));
  }
}

template <class T>
void loss_backward(const Stream&, Loss loss, std::int64_t n, std::int64_t m, const T* y,
                   const Wide<T>* target, const Wide<T>* dvalue, T* dy, Wide<T>* dtarget) {
  SampleChunks{n, m, sum_chunk}.for_each([&](auto s, auto, auto i, auto end) {
    i += s * m, end += s * m;
    const T factor = static_cast<T>(double{dvalue[s]} / static_cast<double>(m));
    TELESCOPE_SIMD(loss_backward_range<T>)
    (loss, end - i, y + i, target + i, factor, dy ? dy + i : nullptr,
     dtarget ? dtarget + i : nullptr);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void loss(const Stream&, Loss, std::int64_t, std::int64_t, const T*, const Wide<T>*, \
                     Wide<T>*);                                                                 \
  template void loss_backward(const Stream&, Loss, std::int64_t, std::int64_t, const T*,        \
                              const Wide<T>*, const Wide<T>*, T*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
