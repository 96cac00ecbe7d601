// SPDX-License-Identifier: MIT
#include "apps/statistics.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace telescope::app {
namespace {

// P(|T| <= t) for `freedom` degrees of freedom: Abramowitz and Stegun, 26.7.3 and 26.7.4.
double probability_within(double t, int freedom) {
  const double angle = std::atan(t / std::sqrt(freedom)), c2 = std::cos(angle) * std::cos(angle);
  const bool odd = freedom % 2 != 0;
  double term = odd ? std::cos(angle) : 1, sum = freedom == 1 ? 0 : term;
  for (int k = odd ? 3 : 2; k <= freedom - 2; k += 2) sum += term *= c2 * (k - 1) / k;
  if (!odd) return std::sin(angle) * sum;
  return 2 / std::numbers::pi * (angle + std::sin(angle) * sum);
}

}  // namespace

double student_95(int freedom) {
  TELESCOPE_CHECK(freedom >= 1, "student_95", "expected at least one degree of freedom, got {}",
                  freedom);
  double low = 0, high = 16;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (probability_within(middle, freedom) < 0.95 ? low : high) = middle;
  }
  return high;
}

Interval interval_of_mean(const std::vector<double>& values) {
  TELESCOPE_CHECK(!values.empty(), "interval_of_mean", "expected at least one value");
  const auto n = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / n;
  for (const double value : values) squares += (value - mean) * (value - mean);
  if (values.size() == 1) return {mean, std::numeric_limits<double>::quiet_NaN()};
  const double t = student_95(static_cast<int>(values.size()) - 1);
  return {mean, t * std::sqrt(squares / (n - 1) / n)};
}

}  // namespace telescope::app
