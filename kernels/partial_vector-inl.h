// SPDX-License-Identifier: MIT
// Vectors that are not full, at the end of a row: include it after kernels/simd.h, once per
// instruction set (hence no #pragma once).
#if defined(TELESCOPE_KERNELS_PARTIAL_VECTOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TELESCOPE_KERNELS_PARTIAL_VECTOR_INL_H_
#undef TELESCOPE_KERNELS_PARTIAL_VECTOR_INL_H_
#else
#define TELESCOPE_KERNELS_PARTIAL_VECTOR_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {

// Only these leave alone the memory that a mask leaves out.
#undef TELESCOPE_MASKED_MEMORY
#define TELESCOPE_MASKED_MEMORY \
  (HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL)

/// The `count` elements at p and zeros behind them, 0 <= count <= lanes; reads nothing else.
template <class D, class T = hwy::HWY_NAMESPACE::TFromD<D>>
HWY_INLINE hwy::HWY_NAMESPACE::Vec<D> load_first(D d, const T* p, std::int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
#if TELESCOPE_MASKED_MEMORY
  return hn::MaskedLoad(hn::FirstN(d, static_cast<std::size_t>(count)), d, p);
#else
  if (count == static_cast<std::int64_t>(hn::Lanes(d))) return hn::LoadU(d, p);
  HWY_ALIGN T some[HWY_MAX_BYTES / sizeof(T)] = {};
  std::copy_n(p, count, some);
  return hn::Load(d, some);
#endif
}

/// Writes the first `count` elements of v to p.
template <class D, class T = hwy::HWY_NAMESPACE::TFromD<D>>
HWY_INLINE void store_first(hwy::HWY_NAMESPACE::Vec<D> v, D d, T* p, std::int64_t count) {
  namespace hn = hwy::HWY_NAMESPACE;
#if TELESCOPE_MASKED_MEMORY
  hn::BlendedStore(v, hn::FirstN(d, static_cast<std::size_t>(count)), d, p);
#else
  HWY_ALIGN T some[HWY_MAX_BYTES / sizeof(T)];
  hn::Store(v, d, some);
  std::copy_n(some, count, p);
#endif
}

}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
