// SPDX-License-Identifier: MIT
// Means and how far to trust them.
#pragma once

#include <vector>

namespace telescope::app {

/// The t of Student's distribution with `freedom` >= 1 degrees of freedom that is not exceeded in
/// absolute value with probability 0.95: 12.71, 4.303, ... 1.96.
double student_95(int freedom);

/// The mean of independent values and half the width of its 95% confidence interval,
/// student_95(n - 1) s / sqrt(n) with s^2 = sum (x - mean)^2 / (n - 1); NaN for a single value.
struct Interval {
  double mean = 0, half_width = 0;
};
Interval interval_of_mean(const std::vector<double>& values);

}  // namespace telescope::app
