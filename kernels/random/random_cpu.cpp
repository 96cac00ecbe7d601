// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/random/random_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.h"
#include "kernels/random/box_muller.h"
#include "kernels/random/philox_simd.h"
#include "kernels/random/random.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

using Words = hn::ScalableTag<std::uint32_t>;
using Floats = hn::ScalableTag<float>;
using Signed = hn::ScalableTag<std::int32_t>;
using WordVector = hn::Vec<Words>;
using FloatVector = hn::Vec<Floats>;

struct Uniform {
  float low, width;

  HWY_INLINE FloatVector one(WordVector word) const {
    const auto upper = hn::BitCast(Signed(), hn::ShiftRight<8>(word));
    const auto u = hn::Mul(hn::ConvertTo(Floats(), upper), hn::Set(Floats(), 0x1p-24f));
    return hn::Add(hn::Set(Floats(), low), hn::Mul(hn::Set(Floats(), width), u));
  }
  HWY_INLINE void pair(WordVector word0, WordVector word1, FloatVector& a, FloatVector& b) const {
    a = one(word0);
    b = one(word1);
  }
};

// c[0] + x (c[1] + x (c[2] + ...)) without fused multiply-adds.
template <class... Rest>
HWY_INLINE FloatVector series(FloatVector x, float first, Rest... rest) {
  const FloatVector constant = hn::Set(Floats(), first);
  if constexpr (sizeof...(rest) == 0) {
    return constant;
  } else {
    return hn::Add(constant, hn::Mul(x, series(x, rest...)));
  }
}

// kernels/random/box_muller.h, operation by operation.
struct Normal {
  HWY_INLINE FloatVector radius(WordVector word) const {
    using namespace box_muller;
    const Floats d;
    const Signed di;
    const auto one = hn::Set(d, 1.f);
    const auto whole = hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<1>(word)));
    const auto u = hn::Mul(hn::Add(whole, hn::Set(d, 0.5f)), hn::Set(d, 0x1p-31f));
    const auto bits = hn::BitCast(di, u);
    const auto exponent = hn::ShiftRight<23>(hn::Sub(bits, hn::Set(di, sqrt_half_bits)));
    const auto m = hn::BitCast(d, hn::Sub(bits, hn::ShiftLeft<23>(exponent)));
    const auto s = hn::Div(hn::Sub(m, one), hn::Add(m, one));
    const auto log_m =
        hn::Mul(hn::Mul(hn::Set(d, 2.f), s), series(hn::Mul(s, s), 1.f, log3, log5, log7, log9));
    const auto log = hn::Add(hn::Mul(hn::ConvertTo(d, exponent), hn::Set(d, ln2)), log_m);
    return hn::Sqrt(hn::Mul(hn::Set(d, -2.f), log));
  }

  HWY_INLINE void pair(WordVector word0, WordVector word1, FloatVector& a, FloatVector& b) const {
    using namespace box_muller;
    const Words dw;
    const Floats d;
    const auto quadrant = hn::ShiftRight<30>(hn::Add(word1, hn::Set(dw, 0x20000000u)));
    const auto rest = hn::Sub(word1, hn::ShiftLeft<30>(quadrant));
    const auto angle = hn::Mul(hn::ConvertTo(d, hn::BitCast(Signed(), rest)), hn::Set(d, turn));
    const auto square = hn::Mul(angle, angle);
    const auto sine = hn::Mul(angle, series(square, 1.f, sin3, sin5, sin7, sin9));
    const auto cosine = series(square, 1.f, cos2, cos4, cos6, cos8);
    const auto one = hn::Set(dw, 1u), two = hn::Set(dw, 2u);
    const auto swap = hn::RebindMask(d, hn::Eq(hn::And(quadrant, one), one));
    const auto sign_x = hn::ShiftLeft<30>(hn::And(hn::Add(quadrant, one), two));
    const auto sign_y = hn::ShiftLeft<30>(hn::And(quadrant, two));
    const auto x = hn::Xor(hn::IfThenElse(swap, sine, cosine), hn::BitCast(d, sign_x));
    const auto y = hn::Xor(hn::IfThenElse(swap, cosine, sine), hn::BitCast(d, sign_y));
    const auto r = radius(word0);
    a = hn::Mul(r, x);
    b = hn::Mul(r, y);
  }
};

// Counters first, first + 1, ... in the lanes, and half of the step.
HWY_INLINE PhiloxVectors<WordVector> counters(const RandomKey& key, std::uint64_t first) {
  const Words d;
  const auto base = hn::Set(d, static_cast<std::uint32_t>(first));
  const auto low = hn::Add(base, hn::Iota(d, 0u));
  const auto high = hn::Set(d, static_cast<std::uint32_t>(first >> 32));
  const auto carried = hn::Set(d, static_cast<std::uint32_t>(first >> 32) + 1u);
  return {low, hn::IfThenElse(hn::Lt(low, base), carried, high),
          hn::Set(d, static_cast<std::uint32_t>(key.step)),
          hn::Set(d, static_cast<std::uint32_t>(key.step >> 32))};
}

// out[i], i < n, from the counters `block`, block + 1, ...: four elements from each.
template <class T, class Distribution>
void fill_range(const Distribution& distribution, const RandomKey& key, std::uint64_t block,
                std::int64_t n, T* out) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(Words()));
  HWY_ALIGN float buffer[4 * HWY_MAX_BYTES / sizeof(float)];
  for (std::int64_t i = 0; i < n; i += 4 * lanes, block += static_cast<std::uint64_t>(lanes)) {
    const auto words = philox_vectors(Words(), counters(key, block), key.key);
    FloatVector a, b, c, d;
    distribution.pair(words.word0, words.word1, a, b);
    distribution.pair(words.word2, words.word3, c, d);
    const std::int64_t count = std::min(4 * lanes, n - i);
    if constexpr (sizeof(T) == sizeof(float)) {
      if (count == 4 * lanes) {
        hn::StoreInterleaved4(a, b, c, d, Floats(), out + i);
        continue;
      }
    }
    hn::StoreInterleaved4(a, b, c, d, Floats(), buffer);
    for (std::int64_t k = 0; k < count; ++k) out[i + k] = static_cast<T>(buffer[k]);
  }
}

template <class T>
void uniform_range(const RandomKey& key, std::uint64_t block, std::int64_t n, float low,
                   float width, T* out) {
  fill_range(Uniform{low, width}, key, block, n, out);
}

template <class T>
void normal_range(const RandomKey& key, std::uint64_t block, std::int64_t n, T* out) {
  fill_range(Normal(), key, block, n, out);
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

namespace {
constexpr std::int64_t grain = 1 << 12;  // counters worth a thread

// Calls f(block, count, out) on whole blocks of four elements.
template <class T, class F>
void for_each_range(std::int64_t n, T* out, const F& f) {
  parallel_for((n + 3) / 4, grain, [=](std::int64_t block, std::int64_t end) {
    f(static_cast<std::uint64_t>(block), std::min(4 * end, n) - 4 * block, out + 4 * block);
  });
}
}  // namespace

template <class T>
void fill_uniform(const Stream&, const RandomKey& key, std::int64_t n, float low, float high,
                  T* out) {
  const auto fill = TELESCOPE_SIMD(uniform_range<T>);
  for_each_range(n, out, [=, &key](std::uint64_t block, std::int64_t count, T* to) {
    fill(key, block, count, low, high - low, to);
  });
}

template <class T>
void fill_normal(const Stream&, const RandomKey& key, std::int64_t n, T* out) {
  const auto fill = TELESCOPE_SIMD(normal_range<T>);
  for_each_range(n, out, [=, &key](std::uint64_t block, std::int64_t count, T* to) {
    fill(key, block, count, to);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                               \
  template void fill_uniform(const Stream&, const RandomKey&, std::int64_t, float, float, T*); \
  template void fill_normal(const Stream&, const RandomKey&, std::int64_t, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
