// SPDX-License-Identifier: MIT
// Mean and variance put together from those of parts, without cancellation.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

namespace telescope::kernels {

/// Of `count` numbers: their mean and the sum of squared deviations from it.
struct Moments {
  double count = 0, mean = 0, squares = 0;

  /// From the sums of d = x - centre and of d d, for a centre close to the mean.
  static Moments about(double count, double centre, double sum_d, double sum_dd) {
    return {count, centre + sum_d / count, std::max(sum_dd - sum_d * sum_d / count, 0.0)};
  }

  /// Of both together (Chan, Golub, LeVeque 1983).
  friend Moments operator+(const Moments& a, const Moments& b) {
    const double count = a.count + b.count, gap = b.mean - a.mean;
    if (count == 0) return a;
    return {count, a.mean + gap * (b.count / count),
            a.squares + b.squares + gap * gap * (a.count * b.count / count)};
  }

  static Moments of_all(std::int64_t n, const Moments* parts) {
    Moments sum;
    for (std::int64_t i = 0; i < n; ++i) sum = sum + parts[i];
    return sum;
  }

  double rstd(double eps) const { return 1 / std::sqrt(squares / count + eps); }
};

}  // namespace telescope::kernels
