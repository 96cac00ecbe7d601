// SPDX-License-Identifier: MIT
// Philox 4x32-10 on vectors: the words of core/philox.h, one counter per lane. Included once per
// instruction set, after kernels/simd.h.
#if defined(TELESCOPE_PHILOX_SIMD_H) == defined(HWY_TARGET_TOGGLE)
#ifdef TELESCOPE_PHILOX_SIMD_H
#undef TELESCOPE_PHILOX_SIMD_H
#else
#define TELESCOPE_PHILOX_SIMD_H
#endif

#include <hwy/highway.h>

#include <array>
#include <cstdint>

#include "core/philox.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {

// Word 0 to 3 of as many counters as there are lanes.
template <class V>
struct PhiloxVectors {
  V word0, word1, word2, word3;
};

#if HWY_TARGET == HWY_SCALAR
template <class D, class V>
HWY_INLINE PhiloxVectors<V> philox_vectors(D d, const PhiloxVectors<V>& counter,
                                           const std::array<std::uint32_t, 2>& key) {
  namespace hn = hwy::HWY_NAMESPACE;
  const PhiloxBlock words = philox({hn::GetLane(counter.word0), hn::GetLane(counter.word1),
                                    hn::GetLane(counter.word2), hn::GetLane(counter.word3)},
                                   key);
  return {hn::Set(d, words[0]), hn::Set(d, words[1]), hn::Set(d, words[2]), hn::Set(d, words[3])};
}
#else
// One round on words in the lower halves of 64-bit lanes. The upper halves hold anything: a
// multiplication does not see them, so the lower half of a product need not be cut out.
template <class D, class V>
HWY_INLINE void philox_round(D d, PhiloxVectors<V>& c, V key0, V key1) {
  namespace hn = hwy::HWY_NAMESPACE;
  const auto factor0 = hn::Set(d, 0xD2511F53u), factor1 = hn::Set(d, 0xCD9E8D57u);
  const V p0 = hn::MulEven(hn::BitCast(d, c.word0), factor0);
  const V p1 = hn::MulEven(hn::BitCast(d, c.word2), factor1);
  c = {hn::Xor(hn::Xor(hn::ShiftRight<32>(p1), c.word1), key0), p1,
       hn::Xor(hn::Xor(hn::ShiftRight<32>(p0), c.word3), key1), p0};
}

template <class D, class V>
HWY_INLINE PhiloxVectors<V> philox_vectors(D d, const PhiloxVectors<V>& counter,
                                           std::array<std::uint32_t, 2> key) {
  namespace hn = hwy::HWY_NAMESPACE;
  const hn::RepartitionToWide<D> wide;
  using Wide = hn::Vec<decltype(wide)>;
  const auto lower = [=](V x) HWY_ATTR { return hn::BitCast(wide, x); };
  const auto upper = [=](V x) HWY_ATTR { return hn::ShiftRight<32>(hn::BitCast(wide, x)); };
  PhiloxVectors<Wide> even = {lower(counter.word0), lower(counter.word1), lower(counter.word2),
                              lower(counter.word3)};
  PhiloxVectors<Wide> odd = {upper(counter.word0), upper(counter.word1), upper(counter.word2),
                             upper(counter.word3)};
  for (int round = 0; round < 10; ++round) {
    const Wide key0 = hn::Set(wide, std::uint64_t{key[0]}),
               key1 = hn::Set(wide, std::uint64_t{key[1]});
    philox_round(d, even, key0, key1);
    philox_round(d, odd, key0, key1);
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  const auto join = [=](Wide e, Wide o) HWY_ATTR {
    return hn::OddEven(hn::BitCast(d, hn::ShiftLeft<32>(o)), hn::BitCast(d, e));
  };
  return {join(even.word0, odd.word0), join(even.word1, odd.word1), join(even.word2, odd.word2),
          join(even.word3, odd.word3)};
}
#endif

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif
