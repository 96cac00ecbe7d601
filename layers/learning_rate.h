// SPDX-License-Identifier: MIT
// How the learning rate changes over the steps of a training.
#pragma once

#include <cstdint>

namespace telescope {

/// A value for every step, counted from 0: optimizer.step(learning_rate.at(k)).
class LearningRate {
 public:
  /// The same for all steps. Error unless it is finite and 0 or more.
  static LearningRate constant(double learning_rate);
  /// Half a period of a cosine, PyTorch's CosineAnnealingLR in closed form:
  ///   to + (from - to) (1 + cos(pi k / steps)) / 2,   and `to` for k past `steps`.
  /// Error unless both are finite and 0 or more, and steps at least 1.
  static LearningRate cosine(double from, double to, std::int64_t steps);

  double at(std::int64_t step) const;

 private:
  LearningRate(double from, double to, std::int64_t steps) : from_(from), to_(to), steps_(steps) {}
  double from_, to_;
  std::int64_t steps_;  // 0: constant
};

}  // namespace telescope
