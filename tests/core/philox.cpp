// SPDX-License-Identifier: MIT
#include "core/philox.h"

#include <cmath>
#include <set>
#include <vector>

#include "support/compare.h"

using namespace telescope;

TEST_CASE("known answers of Random123 (kat_vectors, philox4x32-10)") {
  CHECK(philox({0, 0, 0, 0}, {0, 0}) ==
        PhiloxBlock{0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u});
  CHECK(philox({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
        PhiloxBlock{0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu});
  CHECK(philox({0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u}, {0xa4093822u, 0x299f31d0u}) ==
        PhiloxBlock{0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u});
}

TEST_CASE("a key is its seed, name and step; position is half the counter") {
  const RandomKey key(7, "noise", 3);
  CHECK(key.words(0) == RandomKey(7, "noise", 3).words(0));
  std::set<PhiloxBlock> seen;
  for (const std::uint64_t seed : {0, 1, 7}) {
    for (const char* name : {"", "noise", "nois", "Noise"}) {
      for (const std::uint64_t step : {0ull, 1ull, 1ull << 32}) {
        for (const std::uint64_t index : {0ull, 1ull, 1ull << 32}) {
          seen.insert(RandomKey(seed, name, step).words(index));
        }
      }
    }
  }
  CHECK(seen.size() == 3 * 4 * 3 * 3);
}

TEST_CASE("a sequence is the words of its key, in order") {
  const RandomKey key(1, "order", 5);
  RandomSequence sequence(key);
  for (std::uint64_t i = 0; i < 11; ++i) {
    INFO(i);
    CHECK(sequence.word() == key.words(i / 4)[i % 4]);
  }
  CHECK(uniform01(0) == 0.f);
  CHECK(uniform01(~0u) == 1 - 0x1p-24f);
}

// Bounds are five standard errors: chance alone breaks one in 1.7 million times, a fixed seed
// never.
TEST_CASE("uniform numbers have the moments of the uniform distribution") {
  RandomSequence random(RandomKey(1, "uniform"));
  const int n = 200'000;
  double mean = 0, square = 0, neighbours = 0, last = 0;
  for (int i = 0; i < n; ++i) {
    const double u = random.uniform() - 0.5;
    mean += u, square += u * u, neighbours += u * last;
    last = u;
  }
  CHECK(std::abs(mean / n) < 5 * std::sqrt(1. / 12 / n));
  CHECK(std::abs(square / n - 1. / 12) < 5 * std::sqrt(1. / 180 / n));
  CHECK(std::abs(neighbours / n) < 5 * std::sqrt(1. / 144 / n));
}

TEST_CASE("below(n) takes every value equally often") {
  for (const std::uint32_t n : {1u, 2u, 3u, 7u, 100u}) {
    RandomSequence random(RandomKey(2, "below", n));
    const int draws = 70'000;
    std::vector<int> count(n);
    for (int i = 0; i < draws; ++i) {
      const std::uint32_t value = random.below(n);
      REQUIRE(value < n);
      ++count[value];
    }
    double chi_square = 0;
    const double expected = static_cast<double>(draws) / n;
    for (const int c : count) chi_square += (c - expected) * (c - expected) / expected;
    INFO("n " << n << ", chi square " << chi_square);
    CHECK(chi_square <= n - 1 + 5 * std::sqrt(2. * (n - 1)));
  }
}

TEST_CASE("below(n) is unbiased where n does not divide 2^32 by far") {
  // Without rejection the lower half of [0, 3 * 2^30) would come out half as often as not.
  const std::uint32_t n = 3u << 30;
  RandomSequence random(RandomKey(3, "below"));
  int thirds[3] = {};
  for (int i = 0; i < 60'000; ++i) ++thirds[random.below(n) >> 30];
  for (const int count : thirds) CHECK(std::abs(count - 20'000) < 5 * std::sqrt(60'000 * 2. / 9));
}

TEST_CASE("normal numbers have the moments of the normal distribution") {
  RandomSequence random(RandomKey(4, "normal"));
  const int n = 200'000;
  double m1 = 0, m2 = 0, m3 = 0, m4 = 0;
  for (int i = 0; i < n; ++i) {
    const double z = random.normal();
    REQUIRE(std::isfinite(z));
    m1 += z, m2 += z * z, m3 += z * z * z, m4 += z * z * z * z;
  }
  CHECK(std::abs(m1 / n) < 5 * std::sqrt(1. / n));
  CHECK(std::abs(m2 / n - 1) < 5 * std::sqrt(2. / n));
  CHECK(std::abs(m3 / n) < 5 * std::sqrt(15. / n));
  CHECK(std::abs(m4 / n - 3) < 5 * std::sqrt(96. / n));
}
