// SPDX-License-Identifier: MIT
#include "layers/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "core/error.h"

namespace telescope {
namespace {
void check(double learning_rate) {
  TELESCOPE_CHECK(std::isfinite(learning_rate) && learning_rate >= 0, "learning rate",
                  "expected 0 or more, got {}", learning_rate);
}
}  // namespace

LearningRate LearningRate::constant(double learning_rate) {
  check(learning_rate);
  return {learning_rate, learning_rate, 0};
}

LearningRate LearningRate::cosine(double from, double to, std::int64_t steps) {
  check(from);
  check(to);
  TELESCOPE_CHECK(steps >= 1, "learning rate", "expected a cosine over 1 step or more, got {}",
                  steps);
  return {from, to, steps};
}

double LearningRate::at(std::int64_t step) const {
  if (step >= steps_) return to_;
  const double part =
      static_cast<double>(std::max<std::int64_t>(step, 0)) / static_cast<double>(steps_);
  return to_ + (from_ - to_) * (1 + std::cos(std::numbers::pi * part)) / 2;
}

}  // namespace telescope
