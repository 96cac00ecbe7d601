// SPDX-License-Identifier: MIT
#include "multilevel/estimator.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/profile.h"
#include "layers/dropout.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"

namespace telescope {
namespace {

double squared_norm(const Tensor& x) {
  const NoGradGuard no_grad;
  return sum(mul(x, x)).item();
}

// Runs a pass and counts its time and FLOP for a level.
template <class Pass>
void timed(Estimate& estimate, std::size_t level, const Stream& stream, Pass&& pass) {
  Event start, end;
  const Work before = work_done();
  start.record(stream);
  pass();
  end.record(stream);
  estimate.report(level).flop += (work_done() - before).flop;
  estimate.add_time(level, start, end);
}

Estimate empty_estimate(const std::vector<Samples>& levels, Mesh finest) {
  TELESCOPE_CHECK(!levels.empty(), "estimator", "expected samples of at least one level");
  std::vector<MeshReport> reports(levels.size());
  for (std::size_t l = 0; l < levels.size(); ++l) {
    reports[l].mesh = {finest.level + static_cast<int>(l)};
    reports[l].samples = levels[l].size();
    TELESCOPE_CHECK(reports[l].samples >= 1, "estimator", "level {} has no samples", l);
  }
  return Estimate(std::move(reports));
}

}  // namespace

Estimator::Estimator(SampleLoss loss, EstimatorOptions options)
    : loss_(std::move(loss)), options_(std::move(options)) {
  if (!options_.coarsen) options_.coarsen = coarsening(options_.restriction);
}

const Tensor& Estimator::weights(std::int64_t carried, std::int64_t n, double weight,
                                 const Tensor& like) const {
  Tensor& weights = weights_[{carried, n, weight}];
  if (!weights.defined() || weights.dtype() != like.dtype() || weights.device() != like.device()) {
    std::vector<double> values(static_cast<std::size_t>(n));
    for (std::int64_t i = 0; i < n; ++i) {
      values[static_cast<std::size_t>(i)] = i < carried ? -weight / static_cast<double>(carried)
                                                        : weight / static_cast<double>(n - carried);
    }
    weights = Tensor::from(values, {n}).to(like.dtype()).to(like.device());
  }
  return weights;
}

Tensor Estimator::add_gradient(const Samples& samples, std::int64_t carried, Mesh mesh,
                               std::int64_t step, double weight) const {
  const RandomScope dropout({.seed = options_.seed,
                             .step = static_cast<std::uint64_t>(step),
                             .sample_ids = samples.ids,
                             .spacing = mesh.spacing(),
                             .device_step = options_.device_step});
  const std::string name = mesh.str();
  const Scope on_mesh(name);
  Tensor losses, weighted;
  {
    const Scope forward("forward");
    losses = loss_(samples);
    TELESCOPE_CHECK(losses.shape() == Shape{samples.size()}, "loss",
                    "expected one value per sample, shape [{}], got {}", samples.size(),
                    losses.shape());
    weighted = weighted_sum(losses, weights(carried, samples.size(), weight, losses));
  }
  const Scope backward("backward");
  weighted.backward();
  return losses.detach();
}

Estimate Estimator::merged(const std::vector<Samples>& levels, Mesh finest, std::int64_t step,
                           const Terms& terms) const {
  Estimate estimate = empty_estimate(levels, finest);
  const std::size_t last = levels.size() - 1;
  Samples coarse;  // the coarse side of the level before, which lives on this mesh
  for (std::size_t l = 0; l <= last; ++l) {
    timed(estimate, l, levels[l].input.stream(), [&] {
      const Mesh mesh = estimate.report(l).mesh;
      const Samples fine = coarsen(levels[l], finest, mesh, options_.coarsen);
      const std::int64_t carried = coarse.input.defined() ? coarse.size() : 0;
      // g += mean(grad f_l(x_l)) - mean(grad f_l(x_{l-1}))
      const Tensor losses =
          add_gradient(carried ? join(coarse, fine) : fine, carried, mesh, step, terms.weight);
      if (carried) estimate.add_losses(losses.rows(0, carried), l - 1, Estimate::Side::coarse);
      estimate.add_losses(losses.rows(carried, fine.size()), l, Estimate::Side::fine);
      if (l < last || terms.last_is_difference) {
        coarse = coarsen(fine, mesh, mesh.coarser(), options_.coarsen);
      }
    });
  }
  if (terms.last_is_difference) {
    timed(estimate, last, coarse.input.stream(), [&] {
      const Mesh below = estimate.report(last).mesh.coarser();
      const Tensor losses = add_gradient(coarse, coarse.size(), below, step, terms.weight);
      estimate.add_losses(losses, last, Estimate::Side::coarse);
    });
  }
  estimate.close();
  return estimate;
}

Estimate Estimator::paired(const std::vector<Samples>& levels, Mesh finest, std::int64_t step,
                           const Terms& terms) const {
  Estimate estimate = empty_estimate(levels, finest);
  const std::size_t last = levels.size() - 1;
  for (std::size_t l = 0; l <= last; ++l) {
    const Mesh mesh = estimate.report(l).mesh;
    const Samples fine = coarsen(levels[l], finest, mesh, options_.coarsen);
    const Stream stream = fine.input.stream();
    timed(estimate, l, stream, [&] {
      const Tensor losses = add_gradient(fine, 0, mesh, step, terms.weight);
      estimate.add_losses(losses, l, Estimate::Side::fine);
    });
    if (l == last && !terms.last_is_difference) break;
    timed(estimate, std::min(l + 1, last), stream, [&] {
      const Samples coarse = coarsen(fine, mesh, mesh.coarser(), options_.coarsen);
      const Tensor losses = add_gradient(coarse, coarse.size(), mesh.coarser(), step, terms.weight);
      estimate.add_losses(losses, l, Estimate::Side::coarse);
    });
  }
  estimate.close();
  return estimate;
}

Estimate Estimator::measured(const std::vector<Samples>& levels, Mesh finest, std::int64_t step,
                             const ParameterBuffer& parameters, std::int64_t micro_batches,
                             const Terms& terms) const {
  Estimate estimate = empty_estimate(levels, finest);
  const std::size_t last = levels.size() - 1;
  const Tensor gradient = parameters.gradients();
  const Tensor before = gradient.clone();
  for (std::size_t l = 0; l <= last; ++l) {
    const bool difference = l < last || terms.last_is_difference;
    const Mesh mesh = estimate.report(l).mesh;
    const Samples fine = coarsen(levels[l], finest, mesh, options_.coarsen);
    const Samples coarse =
        difference ? coarsen(fine, mesh, mesh.coarser(), options_.coarsen) : Samples();
    const std::int64_t n = fine.size(), parts = std::clamp<std::int64_t>(micro_batches, 1, n);
    const Tensor term = Tensor::zeros(gradient.shape(), gradient.dtype(), gradient.device());
    double mean_square = 0;  // of the norm of a part's gradient, over samples
    for (std::int64_t p = 0; p < parts; ++p) {
      const std::int64_t first = p * n / parts, size = (p + 1) * n / parts - first;
      const double share = static_cast<double>(size) / static_cast<double>(n);
      gradient.fill_zero();
      timed(estimate, l, gradient.stream(), [&] {
        const Tensor losses = add_gradient(rows(fine, first, size), 0, mesh, step, terms.weight);
        estimate.add_losses(losses, l, Estimate::Side::fine, share);
      });
      if (difference) {
        timed(estimate, std::min(l + 1, last), gradient.stream(), [&] {
          const Samples part = rows(coarse, first, size);
          const Tensor losses = add_gradient(part, size, mesh.coarser(), step, terms.weight);
          estimate.add_losses(losses, l, Estimate::Side::coarse, share);
        });
      }
      mean_square += share * squared_norm(gradient);
      accumulate(term, scale(gradient, share));
    }
    const double norm_square = squared_norm(term), unweighted = 1 / (terms.weight * terms.weight);
    MeshReport& report = estimate.report(l);
    report.gradient_norm = std::sqrt(unweighted * norm_square);
    // Parts of n_p samples have means g_p with E[sum_p n_p |g_p - g|^2] = (parts - 1) V(sample).
    if (parts > 1) {
      // Rounding may leave less than nothing of the difference.
      report.variance = unweighted * static_cast<double>(n) / static_cast<double>(parts - 1) *
                        std::max(0.0, mean_square - norm_square);
    }
    accumulate(before, term);
  }
  gradient.copy_from(before);
  estimate.close();
  return estimate;
}

}  // namespace telescope
