// SPDX-License-Identifier: MIT
// What a few random vectors tell about their distribution, and a line through points.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "apps/report.h"

namespace telescope::app {

struct VectorStatistics {
  std::int64_t count = 0;
  double norm = kUnmeasured;      ///< |E x|, from |mean|^2 - V/count, which has no bias; at least 0
  double variance = kUnmeasured;  ///< V = E|x - E x|^2, summed over the elements
  double variance_error = kUnmeasured;  ///< its standard error
  std::vector<double> groups = {};      ///< independent estimates of V, of which it is the mean
};

/// Standard error of the mean of independent values, s / sqrt(n); unmeasured for fewer than two.
double standard_error(const std::vector<double>& values);

/// Takes vectors one at a time and keeps none. V is the mean of the unbiased variances of groups of
/// neighbours, and its standard error comes from their spread: nothing is assumed of the
/// distribution, and one group needs one vector of memory. A last group that is not full counts for
/// the mean alone.
class VectorMoments {
 public:
  /// Of vectors with `size` elements. Error unless a group has at least 2.
  explicit VectorMoments(std::size_t size, std::int64_t group = 8);
  /// Error if it has another size.
  void add(std::span<const float> x);
  /// Unmeasured: the variance before the first full group, its error before the second.
  VectorStatistics result() const;

 private:
  void close_group();

  std::int64_t group_, count_ = 0, in_group_ = 0;
  std::vector<double> total_, sum_;  // of all full groups, and of the vectors of the open one
  double squares_ = 0;               // of the norms in the open group
  std::vector<double> variances_;    // of the full groups
};

/// y = intercept + slope x by least squares.
struct LineFit {
  double slope = kUnmeasured, intercept = kUnmeasured;
  double slope_error = kUnmeasured;  ///< standard error from the residuals; needs three points
};
/// Points with a coordinate that is not finite are left out; unmeasured for fewer than two places.
/// Error unless x and y have the same length.
LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y);

}  // namespace telescope::app
