// SPDX-License-Identifier: MIT
#include "layers/learning_rate.h"

#include <cmath>

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("constant") {
  const LearningRate rate = LearningRate::constant(1e-3);
  for (const std::int64_t k : {0, 1, 1000000}) CHECK(rate.at(k) == 1e-3);
}

TEST_CASE("cosine goes through its known points and stays at its end") {
  const LearningRate rate = LearningRate::cosine(5e-4, 1e-6, 300);
  CHECK(rate.at(0) == doctest::Approx(5e-4).epsilon(1e-14));
  CHECK(rate.at(100) == doctest::Approx(1e-6 + 0.75 * (5e-4 - 1e-6)).epsilon(1e-14));
  CHECK(rate.at(150) == doctest::Approx((5e-4 + 1e-6) / 2).epsilon(1e-14));
  CHECK(rate.at(299) > 1e-6);
  CHECK(rate.at(300) == 1e-6);
  CHECK(rate.at(301) == 1e-6);
  CHECK(rate.at(1 << 30) == 1e-6);
  for (int k = 0; k < 300; ++k) CHECK(rate.at(k + 1) < rate.at(k));
}

TEST_CASE("cosine is the recursion of PyTorch's CosineAnnealingLR") {
  const double from = 0.1, to = 0.02;
  const int steps = 50;
  const LearningRate rate = LearningRate::cosine(from, to, steps);
  double lr = from;
  for (int k = 1; k < steps; ++k) {
    lr = (1 + std::cos(M_PI * k / steps)) / (1 + std::cos(M_PI * (k - 1) / steps)) * (lr - to) + to;
    CHECK(rate.at(k) == doctest::Approx(lr).epsilon(1e-10));
  }
}

TEST_CASE("what a schedule refuses") {
  CHECK(error_of([] { LearningRate::constant(-1); }) ==
        "learning rate: expected 0 or more, got -1");
  CHECK(error_of([] { LearningRate::cosine(1, INFINITY, 3); }) ==
        "learning rate: expected 0 or more, got inf");
  CHECK(error_of([] { LearningRate::cosine(1, 0, 0); }) ==
        "learning rate: expected a cosine over 1 step or more, got 0");
}
