// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/optimizer/optimizer_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "core/parallel.h"
#include "kernels/optimizer/factors.h"
#include "kernels/optimizer/optimizer.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Calls f(d, i) for whole vectors, then f(d1, i) for what is left, one element at a time.
template <class T, class F>
HWY_INLINE void for_each_vector(std::int64_t n, const F& f) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> d1;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  for (; i < n; ++i) f(d1, i);
}

template <class T>
void adam_range(std::int64_t n, const AdamFactors<T>& f, const T* grad, T* param, T* m, T* v) {
  for_each_vector<T>(n, [=, &f](auto d, std::int64_t i) HWY_ATTR {
    const auto times = [d](T factor, auto x) HWY_ATTR { return hn::Mul(hn::Set(d, factor), x); };
    auto p = hn::LoadU(d, param + i);
    const auto g = hn::Add(hn::LoadU(d, grad + i), times(f.grad_decay, p));
    p = times(f.param_factor, p);
    const auto m_old = hn::LoadU(d, m + i);
    const auto m_new = hn::Add(m_old, times(f.one_minus_beta1, hn::Sub(g, m_old)));
    const auto v_new =
        hn::Add(times(f.beta2, hn::LoadU(d, v + i)), hn::Mul(times(f.one_minus_beta2, g), g));
    const auto root = hn::Div(hn::Sqrt(v_new), hn::Set(d, f.correction));
    const auto denominator = hn::Add(root, hn::Set(d, f.eps));
    hn::StoreU(m_new, d, m + i);
    hn::StoreU(v_new, d, v + i);
    hn::StoreU(hn::Sub(p, hn::Div(times(f.step_size, m_new), denominator)), d, param + i);
  });
}

template <class T>
void sgd_range(std::int64_t n, const SgdFactors<T>& f, const T* grad, T* param, T* buffer) {
  for_each_vector<T>(n, [=, &f](auto d, std::int64_t i) HWY_ATTR {
    const auto times = [d](T factor, auto x) HWY_ATTR { return hn::Mul(hn::Set(d, factor), x); };
    const auto p = hn::LoadU(d, param + i);
    auto g = hn::Add(hn::LoadU(d, grad + i), times(f.weight_decay, p));
    if (buffer) {
      g = hn::Add(times(f.momentum, hn::LoadU(d, buffer + i)), times(f.fresh, g));
      hn::StoreU(g, d, buffer + i);
    }
    hn::StoreU(hn::Sub(p, times(f.learning_rate, g)), d, param + i);
  });
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

constexpr std::int64_t grain = 1 << 14;  // elements worth a thread

void halt_unless_finite(const Stream&, std::int64_t n, const double* x, OptimizerScalars* scalars) {
  if (!std::all_of(x, x + n, [](double value) { return std::isfinite(value); })) {
    scalars->halted = 1;
  }
}

template <class T>
void adam_step(const Stream&, std::int64_t n, const AdamOptions& options,
               const OptimizerScalars* scalars, const T* grad, T* param, T* m, T* v) {
  if (scalars->halted) return;
  const auto factors = adam_factors<T>(options, *scalars);
  const auto step_range = TELESCOPE_SIMD(adam_range<T>);
  parallel_for(n, grain, [&](std::int64_t i, std::int64_t end) {
    step_range(end - i, factors, grad + i, param + i, m + i, v + i);
  });
}

template <class T>
void sgd_momentum_step(const Stream&, std::int64_t n, const SgdOptions& options,
                       const OptimizerScalars* scalars, const T* grad, T* param, T* buffer) {
  if (scalars->halted) return;
  const auto factors = sgd_factors<T>(options, *scalars);
  const auto step_range = TELESCOPE_SIMD(sgd_range<T>);
  parallel_for(n, grain, [&](std::int64_t i, std::int64_t end) {
    step_range(end - i, factors, grad + i, param + i, buffer ? buffer + i : nullptr);
  });
}

template <class T>
void clip_factor(const Stream&, double max_norm, const double* squared_norm, double* norm,
                 T* factor) {
  const double length = std::sqrt(*squared_norm);
  const double shrink = max_norm / (length + 1e-6);
  *factor = static_cast<T>(shrink > 1 ? 1 : shrink);  // NaN stays NaN
  if (norm) *norm = length;
}

#define TELESCOPE_INSTANTIATE(T)                                                  \
  template void adam_step(const Stream&, std::int64_t, const AdamOptions&,        \
                          const OptimizerScalars*, const T*, T*, T*, T*);         \
  template void sgd_momentum_step(const Stream&, std::int64_t, const SgdOptions&, \
                                  const OptimizerScalars*, const T*, T*, T*);     \
  template void clip_factor(const Stream&, double, const double*, double*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
