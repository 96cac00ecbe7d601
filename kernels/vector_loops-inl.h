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
#include <numbers>

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

/// exp(v) of floats within 4e-7 of its value, of v held to [-87, 87]: half of Highway's instructions,
/// for functions that are flat beyond. NaN for NaN.
template <class D, class V>
HWY_INLINE V exp_in_range(D d, V v) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RebindToSigned<D> di;
  const V held = hn::Min(hn::Set(d, 87), hn::Max(hn::Set(d, -87), v));  // in this order keeps NaN
  const V per_octave = hn::Set(d, std::numbers::log2e_v<float>);
  // exp(v) = 2^n 2^r; at 1.5 2^23 the last bit of a float counts ones, so that n is rounded there
  const V magic = hn::Set(d, 0x1.8p23f), shifted = hn::MulAdd(held, per_octave, magic);
  const V r = hn::MulSub(held, per_octave, hn::Sub(shifted, magic));
  constexpr float a = std::numbers::ln2_v<float>;
  V sum = hn::Set(d, a * a * a * a * a * a / 720);  // Taylor's, |r| <= 1/2
  for (const float term :
       {a * a * a * a * a / 120, a * a * a * a / 24, a * a * a / 6, a * a / 2, a, 1.f}) {
    sum = hn::MulAdd(sum, r, hn::Set(d, term));
  }
  const auto exponent = hn::Add(hn::BitCast(di, shifted), hn::Set(di, 127));
  return hn::Mul(sum, hn::BitCast(d, hn::ShiftLeft<23>(exponent)));
}

template <class D, class V>
HWY_INLINE V sigmoid_of(D d, V x) {
  namespace hn = hwy::HWY_NAMESPACE;
  const V one = hn::Set(d, 1), minus = hn::Neg(x);
  if constexpr (sizeof(hn::TFromD<D>) == sizeof(float)) {
    return hn::Div(one, hn::Add(one, exp_in_range(d, minus)));
  } else {
    return hn::Div(one, hn::Add(one, exp_of(d, minus)));
  }
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
