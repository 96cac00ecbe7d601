// SPDX-License-Identifier: MIT
#include "kernels/random/random.h"

#include <cmath>
#include <numbers>

#include "core/parallel.h"
#include "kernels/random/box_muller.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

namespace {

template <class T>
std::vector<T> uniform(const RandomKey& key, std::int64_t n, float low = 0, float high = 1) {
  const Tensor x = empty_on_device({n}, dtype_of<T>);
  kernels::fill_uniform(test_stream(), key, n, low, high, x.data<T>());
  return x.to_vector<T>();
}

template <class T>
std::vector<T> normal(const RandomKey& key, std::int64_t n) {
  const Tensor x = empty_on_device({n}, dtype_of<T>);
  kernels::fill_normal(test_stream(), key, n, x.data<T>());
  return x.to_vector<T>();
}

// The words of core/philox.h, one after another.
std::vector<std::uint32_t> words(const RandomKey& key, std::int64_t n) {
  std::vector<std::uint32_t> all;
  for (std::uint64_t block = 0; all.size() < static_cast<std::size_t>(n); ++block) {
    for (const std::uint32_t word : key.words(block)) all.push_back(word);
  }
  return all;
}

// |got - expected| in standard errors.
void check_within_five(double got, double expected, double standard_error) {
  CHECK_MESSAGE(std::abs(got - expected) <= 5 * standard_error,
                "got " << got << ", expected " << expected << " +- " << standard_error);
}

struct Moments {
  double mean = 0, variance = 0, skewness = 0, kurtosis = 0;
  explicit Moments(const std::vector<float>& x) {
    const auto n = static_cast<double>(x.size());
    for (const double v : x) mean += v / n;
    double third = 0, fourth = 0;
    for (const double v : x) {
      const double d = v - mean;
      variance += d * d / n;
      third += d * d * d / n;
      fourth += d * d * d * d / n;
    }
    skewness = third / std::pow(variance, 1.5);
    kurtosis = fourth / (variance * variance);
  }
};

}  // namespace

TEST_CASE_TEMPLATE("vectors give the bits of the scalar code", T, float, double) {
  if (!runs_here<T>()) return;
  const RandomKey keys[] = {RandomKey(1, "noise"), RandomKey(2, "noise", 0x123456789abcdef0u)};
  for (const RandomKey& key : keys) {
    for (const auto n : lengths) {
      INFO(n);
      const auto w = words(key, n);
      const auto u = uniform<T>(key, n), v = uniform<T>(key, n, -3, 0.7f), z = normal<T>(key, n);
      bool same = true;
      for (std::size_t i = 0; i < u.size(); ++i) {
        const std::size_t pair = i - i % 2;
        const auto [first, second] = kernels::normal_pair(w[pair], w[pair + 1]);
        same = same && u[i] == uniform01(w[i]) && v[i] == -3.f + 3.7f * uniform01(w[i]) &&
               z[i] == (i % 2 ? second : first);
      }
      CHECK(same);
    }
  }
}

TEST_CASE("an array that is not aligned, and what stands behind its end") {
  const RandomKey key(4, "odd");
  const auto u = uniform<float>(key, 9), z = normal<float>(key, 9);
  const Tensor x = on_device(Tensor::full({12}, -7));
  const auto check = [&](const std::vector<float>& expected) {
    const auto got = x.to_vector<float>();
    CHECK(std::equal(expected.begin(), expected.end(), got.begin() + 1));
    CHECK(got[0] == -7.f);
    CHECK(got[10] == -7.f);
  };
  kernels::fill_uniform(test_stream(), key, 9, 0.f, 1.f, x.data<float>() + 1);
  check(u);
  kernels::fill_normal(test_stream(), key, 9, x.data<float>() + 1);
  check(z);
}

TEST_CASE("literal bits, for every compiler and machine") {
  const RandomKey key(42, "noise", 7);
  const auto u = uniform<float>(key, 4), z = normal<float>(key, 4);
  const std::uint32_t u_bits[] = {0x3c032f80, 0x3eb064b0, 0x3f407ab4, 0x3e8da992};
  const std::uint32_t z_bits[] = {0xbfde8edd, 0x4024d02a, 0xbe010e8d, 0x3f3ea0ee};
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(std::bit_cast<std::uint32_t>(u[i]) == u_bits[i]);
    CHECK(std::bit_cast<std::uint32_t>(z[i]) == z_bits[i]);
  }
}

TEST_CASE("logarithm, sine and cosine are those of libm, to rounding") {
  const auto w = words(RandomKey(3, "accuracy"), 100000);
  double worst_radius = 0, worst_direction = 0;
  const auto check = [&](std::uint32_t word) {
    const double u = (static_cast<double>(word >> 1) + 0.5) * 0x1p-31;
    // What rounding of u may do next to 1 is part of the definition.
    const double rounded = static_cast<double>((static_cast<float>(word >> 1) + 0.5f) * 0x1p-31f);
    CHECK(std::abs(rounded - u) <= 0x1p-24);
    const double r = std::sqrt(-2 * std::log(rounded));
    const auto [x, y] = kernels::box_muller::direction(word);
    const double angle = 2 * std::numbers::pi * word * 0x1p-32;
    if (r > 0) {
      worst_radius = std::max(worst_radius, std::abs(kernels::box_muller::radius(word) / r - 1));
    } else {
      CHECK(kernels::box_muller::radius(word) == 0);
    }
    worst_direction =
        std::max({worst_direction, std::abs(x - std::cos(angle)), std::abs(y - std::sin(angle))});
  };
  for (const std::uint32_t word : w) check(word);
  for (std::uint32_t k = 0; k < 8; ++k) {  // around the edges of all octants
    for (std::uint32_t off = 0; off < 20; ++off) {
      check((k << 29) + off);
      check((k << 29) - off);
    }
  }
  CHECK(worst_radius < 2e-7);
  CHECK(worst_direction < 2e-7);
  CHECK(kernels::box_muller::radius(0) == doctest::Approx(std::sqrt(64 * std::numbers::ln2)));
}

TEST_CASE("a million uniform numbers have the moments of the uniform distribution") {
  const double n = 1e6;
  const auto u = uniform<float>(RandomKey(5, "moments"), 1000000);
  const Moments m(u);
  check_within_five(m.mean, 0.5, std::sqrt(1 / 12. / n));
  check_within_five(m.variance, 1 / 12., std::sqrt((1 / 80. - 1 / 144.) / n));
  std::vector<int> bins(64);
  for (const float v : u) {
    REQUIRE((v >= 0 && v < 1));
    ++bins[static_cast<std::size_t>(v * 64)];
  }
  double chi2 = 0;
  for (const int count : bins) chi2 += std::pow(count - n / 64, 2) / (n / 64);
  check_within_five(chi2, 63, std::sqrt(2 * 63.));
}

TEST_CASE("a million normal numbers have the moments and the tails of the normal distribution") {
  const double n = 1e6;
  const auto z = normal<float>(RandomKey(6, "moments"), 1000000);
  const Moments m(z);
  check_within_five(m.mean, 0, std::sqrt(1 / n));
  check_within_five(m.variance, 1, std::sqrt(2 / n));
  check_within_five(m.skewness, 0, std::sqrt(6 / n));
  check_within_five(m.kurtosis, 3, std::sqrt(24 / n));
  for (const double t : {0.5, 1., 2., 3., 4.}) {
    double above = 0, below = 0;
    for (const float v : z) {
      above += v > t;
      below += v < -t;
    }
    const double p = std::erfc(t / std::numbers::sqrt2) / 2;
    check_within_five(above / n, p, std::sqrt(p * (1 - p) / n));
    check_within_five(below / n, p, std::sqrt(p * (1 - p) / n));
  }
  // Neither the two of a pair nor neighbouring pairs know of each other.
  for (const std::size_t lag : {1, 2, 3, 4}) {
    double products = 0, squares = 0;
    for (std::size_t i = lag; i < z.size(); ++i) {
      products += static_cast<double>(z[i]) * z[i - lag] / n;
      squares += static_cast<double>(z[i] * z[i]) * (z[i - lag] * z[i - lag]) / n;
    }
    check_within_five(products, 0, std::sqrt(1 / n));
    check_within_five(squares, 1, std::sqrt(8 / n));
  }
}

TEST_CASE("neither threads nor the length change an element") {
  const RandomKey key(7, "split");
  set_thread_count(1);
  const auto u = uniform<float>(key, 100003), z = normal<float>(key, 100003);
  for (const int threads : {2, 3, 7}) {
    set_thread_count(threads);
    CHECK(uniform<float>(key, 100003) == u);
    CHECK(normal<float>(key, 100003) == z);
  }
  const auto shorter = normal<float>(key, 77777);
  CHECK(std::equal(shorter.begin(), shorter.end(), z.begin()));
  CHECK(normal<float>(RandomKey(7, "split", 1), 100003) != z);
  set_thread_count(1);
}
