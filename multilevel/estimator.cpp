// SPDX-License-Identifier: MIT
#include "multilevel/estimator.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/autograd.h"
#include "core/profile.h"
#include "layers/dropout.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"

namespace telescope {
namespace {

std::vector<double> values_of(const Tensor& losses) {
  return losses.to(DType::f64).to_vector<double>();
}

double mean_of(const std::vector<double>& values, std::size_t first, std::size_t count) {
  const auto begin = values.begin() + static_cast<std::ptrdiff_t>(first);
  return std::accumulate(begin, begin + static_cast<std::ptrdiff_t>(count), 0.0) /
         static_cast<double>(count);
}

double squared_norm(const Tensor& x) {
  const NoGradGuard no_grad;
  return sum(mul(x, x)).item();
}

// Adds seconds and FLOP of a block to a mesh's report.
class Meter {
 public:
  explicit Meter(MeshReport& report) : report_(report), start_(now_seconds()), work_(work_done()) {}
  ~Meter() {
    report_.seconds += now_seconds() - start_;
    report_.flop += (work_done() - work_).flop;
  }
  Meter(const Meter&) = delete;
  Meter& operator=(const Meter&) = delete;

 private:
  MeshReport& report_;
  double start_;
  Work work_;
};

std::vector<MeshReport> empty_reports(const std::vector<Samples>& levels, Mesh finest) {
  std::vector<MeshReport> reports(levels.size());
  for (std::size_t l = 0; l < levels.size(); ++l) {
    reports[l].mesh = {finest.level + static_cast<int>(l)};
    reports[l].samples = levels[l].size();
    TELESCOPE_CHECK(reports[l].samples >= 1, "estimator", "level {} has no samples", l);
  }
  return reports;
}

// The samples of level l, given on the finest mesh, on their own mesh.
Samples on_own_mesh(const Samples& samples, std::size_t level, Restriction restriction) {
  const NoGradGuard no_grad;
  Samples result = samples;
  for (std::size_t l = 0; l < level; ++l) result = restrict(result, restriction);
  return result;
}

std::vector<double> equal_weights(double sum, std::int64_t n) {
  return std::vector<double>(static_cast<std::size_t>(n), sum / static_cast<double>(n));
}

// The largest number of equal parts, at most `most`, that n samples can be split into.
std::int64_t parts_of(std::int64_t n, std::int64_t most) {
  std::int64_t parts = std::clamp<std::int64_t>(most, 1, n);
  while (n % parts) --parts;
  return parts;
}

}  // namespace

Tensor Estimator::add_gradient(const Samples& samples, const std::vector<double>& weights,
                               Mesh mesh, std::int64_t step) const {
  const RandomScope dropout(
      {options_.seed, static_cast<std::uint64_t>(step), samples.ids, mesh.spacing()});
  const std::string name = mesh.str();
  const Scope on_mesh(name);
  Tensor losses, weighted;
  {
    const Scope forward("forward");
    losses = loss_(samples);
    TELESCOPE_CHECK(losses.shape() == Shape{samples.size()}, "loss",
                    "expected one value per sample, shape [{}], got {}", samples.size(),
                    losses.shape());
    const Tensor w = Tensor::from(weights, losses.shape()).to(losses.dtype());
    weighted = weighted_sum(losses, w.to(losses.device()));
  }
  const Scope backward("backward");
  weighted.backward();
  return losses.detach();
}

std::vector<MeshReport> Estimator::merged(const std::vector<Samples>& levels, Mesh finest,
                                          std::int64_t step) const {
  auto reports = empty_reports(levels, finest);
  Samples coarse;  // the coarse side of the level before, which lives on this mesh
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const Meter meter(reports[l]);
    const Samples fine = on_own_mesh(levels[l], l, options_.restriction);
    const std::int64_t carried = coarse.input.defined() ? coarse.size() : 0;
    // g += mean(grad f_l(x_l)) - mean(grad f_l(x_{l-1}))
    std::vector<double> weights = equal_weights(-1, carried);
    const auto plus = equal_weights(1, fine.size());
    weights.insert(weights.end(), plus.begin(), plus.end());
    const auto losses = values_of(
        add_gradient(carried ? join(coarse, fine) : fine, weights, reports[l].mesh, step));

    reports[l].loss = mean_of(losses, static_cast<std::size_t>(carried), plus.size());
    reports[l].difference = reports[l].loss;
    if (carried) {
      reports[l - 1].difference -= mean_of(losses, 0, static_cast<std::size_t>(carried));
    }
    if (l + 1 < levels.size()) coarse = restrict(fine, options_.restriction);
  }
  return reports;
}

std::vector<MeshReport> Estimator::paired(const std::vector<Samples>& levels, Mesh finest,
                                          std::int64_t step) const {
  auto reports = empty_reports(levels, finest);
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const Samples fine = on_own_mesh(levels[l], l, options_.restriction);
    const std::int64_t n = fine.size();
    {
      const Meter meter(reports[l]);
      const auto losses = values_of(add_gradient(fine, equal_weights(1, n), reports[l].mesh, step));
      reports[l].loss = reports[l].difference = mean_of(losses, 0, losses.size());
    }
    if (l + 1 == levels.size()) break;  // the coarsest level is no difference
    const Meter meter(reports[l + 1]);
    const Samples coarse = restrict(fine, options_.restriction);
    const auto losses =
        values_of(add_gradient(coarse, equal_weights(-1, n), reports[l].mesh.coarser(), step));
    reports[l].difference -= mean_of(losses, 0, losses.size());
  }
  return reports;
}

std::vector<MeshReport> Estimator::measured(const std::vector<Samples>& levels, Mesh finest,
                                            std::int64_t step, const ParameterBuffer& parameters,
                                            std::int64_t micro_batches) const {
  auto reports = empty_reports(levels, finest);
  const Tensor gradient = parameters.gradients();
  const Tensor before = gradient.clone();
  for (std::size_t l = 0; l < levels.size(); ++l) {
    const bool coarsest = l + 1 == levels.size();
    const Samples fine = on_own_mesh(levels[l], l, options_.restriction);
    const Samples coarse = coarsest ? Samples() : restrict(fine, options_.restriction);
    const std::int64_t n = fine.size(), parts = parts_of(n, micro_batches), size = n / parts;
    MeshReport& report = reports[l];
    const Tensor term = Tensor::zeros(gradient.shape(), gradient.dtype(), gradient.device());
    double mean_square = 0;  // of the norm of a part's gradient
    for (std::int64_t p = 0; p < parts; ++p) {
      gradient.fill_zero();
      const auto share = 1.0 / static_cast<double>(parts);
      {
        const Meter meter(report);
        const auto losses = values_of(
            add_gradient(rows(fine, p * size, size), equal_weights(1, size), report.mesh, step));
        report.loss += share * mean_of(losses, 0, losses.size());
        report.difference += share * mean_of(losses, 0, losses.size());
      }
      if (!coarsest) {
        const Meter meter(reports[l + 1]);
        const auto losses = values_of(add_gradient(
            rows(coarse, p * size, size), equal_weights(-1, size), report.mesh.coarser(), step));
        report.difference -= share * mean_of(losses, 0, losses.size());
      }
      mean_square += share * squared_norm(gradient);
      accumulate(term, scale(gradient, share));
    }
    const double norm_square = squared_norm(term);
    report.gradient_norm = std::sqrt(norm_square);
    // V(part) = parts/(parts-1) (mean |g_p|^2 - |mean g_p|^2), and V(sample) = size V(part).
    if (parts > 1) {
      const auto m = static_cast<double>(parts);
      // Rounding may leave less than nothing of the difference.
      report.variance =
          static_cast<double>(size) * m / (m - 1) * std::max(0.0, mean_square - norm_square);
    }
    accumulate(before, term);
  }
  gradient.copy_from(before);
  return reports;
}

}  // namespace telescope
