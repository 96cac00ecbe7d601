// SPDX-License-Identifier: MIT
// Loops over arrays with Highway's vectors, for kernels' range functions: include it after
// kernels/simd.h, once per instruction set (hence no #pragma once).
#if defined(TELESCOPE_KERNELS_VECTOR_LOOPS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TELESCOPE_KERNELS_VECTOR_LOOPS_INL_H_
#undef TELESCOPE_KERNELS_VECTOR_LOOPS_INL_H_
#else
#define TELESCOPE_KERNELS_VECTOR_LOOPS_INL_H_
#endif

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {

/// Calls f(d, i) for whole vectors of n elements, then one element at a time for what is left.
template <class T, class F>
HWY_INLINE void vector_loop(std::int64_t n, const F& f) {
  const hwy::HWY_NAMESPACE::ScalableTag<T> d;
  const hwy::HWY_NAMESPACE::CappedTag<T, 1> d1;
  const auto lanes = static_cast<std::int64_t>(hwy::HWY_NAMESPACE::Lanes(d));
  std::int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  for (; i < n; ++i) f(d1, i);
}

/// Two sums at once: f(d, i, a, b) adds the terms of the vector at i to a and to b.
template <class T, class F>
HWY_INLINE void vector_sums(std::int64_t n, double& sum_a, double& sum_b, const F& f) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> d1;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  std::int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {  // four chains: an addition takes four cycles
    f(d, i, a0, b0);
    f(d, i + lanes, a1, b1);
    f(d, i + 2 * lanes, a2, b2);
    f(d, i + 3 * lanes, a3, b3);
  }
  for (; i + lanes <= n; i += lanes) f(d, i, a0, b0);
  auto a_rest = hn::Zero(d1), b_rest = a_rest;
  for (; i < n; ++i) f(d1, i, a_rest, b_rest);
  const auto total = [&](auto v0, auto v1, auto v2, auto v3) HWY_ATTR {
    return double{hn::GetLane(hn::SumOfLanes(d, hn::Add(hn::Add(v0, v1), hn::Add(v2, v3))))};
  };
  sum_a = total(a0, a1, a2, a3) + double{hn::GetLane(a_rest)};
  sum_b = total(b0, b1, b2, b3) + double{hn::GetLane(b_rest)};
}

/// The largest of n >= 1 elements; with NaN among them, any value.
template <class T>
HWY_INLINE T vector_max(std::int64_t n, const T* x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  T most = x[0];
  std::int64_t i = 0;
  if (n >= lanes) {
    auto best = hn::LoadU(d, x);
    for (i = lanes; i + lanes <= n; i += lanes) best = hn::Max(best, hn::LoadU(d, x + i));
    most = hn::GetLane(hn::MaxOfLanes(d, best));
  }
  for (; i < n; ++i) most = x[i] > most ? x[i] : most;
  return most;
}

/// exp(v), NaN for NaN: Highway's Exp alone makes 0 of it.
template <class D, class V>
HWY_INLINE V exp_of(D d, V v) {
  namespace hn = hwy::HWY_NAMESPACE;
  return hn::IfThenElse(hn::Eq(v, v), hn::Exp(d, v), v);
}

template <class D, class V>
HWY_INLINE V sigmoid_of(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V one = hn::Set(d, 1);
  return hn::Div(one, hn::Add(one, exp_of(d, hn::Neg(x))));
}

/// x sigmoid(x).
template <class D, class V>
HWY_INLINE V silu_of(D d, V x) {
  return hwy::HWY_NAMESPACE::Mul(x, sigmoid_of(d, x));
}

/// The derivative of silu, s (1 + x (1 - s)) with s = sigmoid(x).
template <class D, class V>
HWY_INLINE V silu_slope_of(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V s = sigmoid_of(d, x), one = hn::Set(d, 1);
  return hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
}

}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
