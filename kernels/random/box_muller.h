// SPDX-License-Identifier: MIT
// Two normal deviates from two random words, in the same bits on every processor.
//
// Only + - * / and sqrt, which IEEE 754 rounds the same everywhere, no fused multiply-add and
// nothing of libm. This scalar text is the definition, and the code of devices; the vector code says
// the same operations in the same order. Sources: Box, Muller: "A note on the generation of random
// normal deviates", Ann. Math. Stat. 29 (1958); the series are Taylor's.
#pragma once

#include <bit>
#include <cstdint>

#include "kernels/host_device.h"

namespace telescope::kernels {

struct NormalPair {
  float first, second;
};

namespace box_muller {

constexpr float ln2 = 0x1.62e43p-1f;
constexpr float turn = 0x1.921fb6p-30f;              // 2 pi / 2^32
constexpr std::int32_t sqrt_half_bits = 0x3f3504f3;  // bits of the float sqrt(1/2)

// log m = 2 atanh s = 2 s + 2 s^3 / 3 + ... with s = (m - 1) / (m + 1): for m from sqrt(1/2) to
// sqrt(2), |s| < 0.172 and what is left out is below 3e-9 of the value.
constexpr float log3 = 1.f / 3, log5 = 1.f / 5, log7 = 1.f / 7, log9 = 1.f / 9;
// On |a| <= pi / 4 what is left out of sine and cosine is below 3e-9 and 3e-8.
constexpr float sin3 = -1.f / 6, sin5 = 1.f / 120, sin7 = -1.f / 5040, sin9 = 1.f / 362880;
constexpr float cos2 = -1.f / 2, cos4 = 1.f / 24, cos6 = -1.f / 720, cos8 = 1.f / 40320;

/// c0 + x (c1 + x (c2 + ...)).
TELESCOPE_HOST_DEVICE inline float series(float, float last) { return last; }
template <class... Rest>
TELESCOPE_HOST_DEVICE float series(float x, float first, Rest... rest) {
  return rounded::sum(first, rounded::product(x, series(x, rest...)));
}

/// sqrt(-2 log u), u = (word / 2 + 1/2) / 2^31 in (0, 1]: at most 6.66.
TELESCOPE_HOST_DEVICE inline float radius(std::uint32_t word) {
  using rounded::product, rounded::quotient, rounded::sum;
  const auto whole = static_cast<float>(static_cast<std::int32_t>(word >> 1));
  const float u = product(sum(whole, 0.5f), 0x1p-31f);
  const auto bits = std::bit_cast<std::int32_t>(u);
  const std::int32_t exponent = (bits - sqrt_half_bits) >> 23;  // u = m 2^exponent
  const auto m = std::bit_cast<float>(bits - (exponent << 23));
  const float s = quotient(sum(m, -1.f), sum(m, 1.f));
  const float log_m = product(product(2.f, s), series(product(s, s), 1.f, log3, log5, log7, log9));
  const float log = sum(product(static_cast<float>(exponent), ln2), log_m);
  return rounded::root(product(-2.f, log));
}

/// Cosine (first) and sine (second) of the angle 2 pi word / 2^32.
TELESCOPE_HOST_DEVICE inline NormalPair direction(std::uint32_t word) {
  using rounded::product;
  const std::uint32_t quadrant = (word + 0x20000000u) >> 30;
  const auto rest = static_cast<std::int32_t>(word - (quadrant << 30));
  const float a = product(static_cast<float>(rest), turn), a2 = product(a, a);
  const float sine = product(a, series(a2, 1.f, sin3, sin5, sin7, sin9));
  const float cosine = series(a2, 1.f, cos2, cos4, cos6, cos8);
  const float x = quadrant & 1 ? sine : cosine, y = quadrant & 1 ? cosine : sine;
  return {(quadrant + 1) & 2 ? -x : x, quadrant & 2 ? -y : y};
}

}  // namespace box_muller

/// Independent normal deviates with mean 0 and deviation 1.
TELESCOPE_HOST_DEVICE inline NormalPair normal_pair(std::uint32_t word0, std::uint32_t word1) {
  const float r = box_muller::radius(word0);
  const NormalPair d = box_muller::direction(word1);
  return {rounded::product(r, d.first), rounded::product(r, d.second)};
}

}  // namespace telescope::kernels
