// SPDX-License-Identifier: MIT
#include "apps/task.h"

#include <cmath>
#include <set>

#include "support/compare.h"

using namespace telescope;
using namespace telescope::app;
using namespace telescope::test;

TEST_CASE("denoise mixes image and noise by the time of each image, the same for the same key") {
  const Tensor clean = random_tensor({3, 8, 8, 3});
  const Samples samples = denoise(clean, {1, "noise", 5});
  CHECK_SAME(samples.target, clean);
  for (const float t : samples.time.to_vector<float>()) CHECK((t >= 0 && t < 1));
  CHECK_SAME(denoise(clean, {1, "noise", 5}).input, samples.input);
  CHECK(!difference(denoise(clean, {1, "noise", 6}).input, samples.input, {}).empty());
  CHECK(!difference(denoise(clean, {2, "noise", 5}).input, samples.input, {}).empty());

  // At t = 1 nothing is added, at t = 0 nothing is left: a mean and a deviation of noise.
  CHECK_SAME(denoise(clean, Tensor::full({3}, 1), {1, "n", 0}).input, clean);
  const Tensor noise =
      denoise(Tensor::full({16, 8, 8, 3}, 9), Tensor::zeros({16}), {1, "n", 0}).input;
  double sum = 0, square = 0;
  for (const double v : noise.to(DType::f64).to_vector<double>()) sum += v, square += v * v;
  CHECK(std::abs(sum / 3072) < 5 / std::sqrt(3072.0));
  CHECK(square / 3072 == doctest::Approx(1).epsilon(5 * std::sqrt(2 / 3072.0)));
}

TEST_CASE("for validation every picture has a time in every part of [0, 1]") {
  const Tensor clean = random_tensor({5, 2, 2, 3});
  const Samples samples = denoise_evenly(clean, 4, {1, "v", 0});
  REQUIRE(samples.size() == 20);
  std::set<std::pair<std::int64_t, int>> parts;
  for (std::int64_t i = 0; i < 20; ++i) {
    CHECK_SAME(samples.target.rows(i, 1), clean.rows(i % 5, 1));
    parts.insert({i % 5, static_cast<int>(samples.time.data<float>()[i] * 4)});
  }
  CHECK(parts.size() == 20);
  CHECK(!difference(samples.input.rows(0, 5), samples.input.rows(5, 5), {}).empty());
}
