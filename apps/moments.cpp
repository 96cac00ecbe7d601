// SPDX-License-Identifier: MIT
#include "apps/moments.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"

namespace telescope::app {
namespace {

double squared_norm(const std::vector<double>& x) {
  double sum = 0;
  for (const double value : x) sum += value * value;
  return sum;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

double standard_error(const std::vector<double>& values) {
  if (values.size() < 2) return kUnmeasured;
  const double mean = mean_of(values), n = static_cast<double>(values.size());
  double square = 0;
  for (const double value : values) square += (value - mean) * (value - mean);
  return std::sqrt(square / (n - 1) / n);
}

VectorMoments::VectorMoments(std::size_t size, std::int64_t group)
    : group_(group), total_(size, 0.0), sum_(size, 0.0) {
  TELESCOPE_CHECK(group >= 2, "moments", "expected groups of at least 2, got {}", group);
}

void VectorMoments::add(std::span<const float> x) {
  TELESCOPE_CHECK(x.size() == sum_.size(), "moments", "expected {} elements, got {}", sum_.size(),
                  x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const auto value = static_cast<double>(x[i]);
    sum_[i] += value;
    squares_ += value * value;
  }
  ++count_;
  if (++in_group_ == group_) close_group();
}

// V = n/(n-1) (mean |x|^2 - |mean x|^2)
void VectorMoments::close_group() {
  const auto n = static_cast<double>(group_);
  // Rounding may leave less than nothing of the difference.
  variances_.push_back(std::max(0.0, squares_ - squared_norm(sum_) / n) / (n - 1));
  for (std::size_t i = 0; i < sum_.size(); ++i) total_[i] += sum_[i];
  std::fill(sum_.begin(), sum_.end(), 0.0);
  squares_ = 0;
  in_group_ = 0;
}

VectorStatistics VectorMoments::result() const {
  VectorStatistics result{
      .count = count_, .variance_error = standard_error(variances_), .groups = variances_};
  if (variances_.empty()) return result;
  const auto n = static_cast<double>(count_);
  result.variance = mean_of(variances_);
  std::vector<double> mean = total_;
  for (std::size_t i = 0; i < mean.size(); ++i) mean[i] = (mean[i] + sum_[i]) / n;
  result.norm = std::sqrt(std::max(0.0, squared_norm(mean) - result.variance / n));
  return result;
}

LineFit fit_line(const std::vector<double>& x, const std::vector<double>& y) {
  TELESCOPE_CHECK(x.size() == y.size(), "line", "{} values for {} places", y.size(), x.size());
  std::vector<double> u, v;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!std::isfinite(x[i]) || !std::isfinite(y[i])) continue;
    u.push_back(x[i]);
    v.push_back(y[i]);
  }
  LineFit fit;
  if (u.empty()) return fit;
  const double centre = mean_of(u), level = mean_of(v);
  double uu = 0, uv = 0, residual = 0;
  for (std::size_t i = 0; i < u.size(); ++i) {
    uu += (u[i] - centre) * (u[i] - centre);
    uv += (u[i] - centre) * (v[i] - level);
  }
  if (uu == 0) return fit;
  fit.slope = uv / uu;
  fit.intercept = level - fit.slope * centre;
  if (u.size() < 3) return fit;
  for (std::size_t i = 0; i < u.size(); ++i) {
    residual += std::pow(v[i] - fit.intercept - fit.slope * u[i], 2);
  }
  fit.slope_error = std::sqrt(residual / static_cast<double>(u.size() - 2) / uu);
  return fit;
}

}  // namespace telescope::app
