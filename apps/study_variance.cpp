// SPDX-License-Identifier: MIT
#include "apps/study_variance.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace telescope::app {
namespace {

constexpr std::int64_t samples_at_a_time = 32;

LineFit fit_levels(const std::vector<MeshVariance>& meshes,
                   VectorStatistics MeshVariance::*member) {
  std::vector<double> level, log_variance;
  for (std::size_t l = 0; l < meshes.size(); ++l) {
    level.push_back(static_cast<double>(l));
    log_variance.push_back(std::log2((meshes[l].*member).variance));
  }
  return fit_line(level, log_variance);
}

}  // namespace

GradientSampler::GradientSampler(SampleLoss loss, const EstimatorOptions& options,
                                 const ParameterBuffer& parameters, int meshes)
    : estimator_(std::move(loss), options),
      coarsen_(options.coarsen ? options.coarsen : coarsening(options.restriction)),
      parameters_(parameters) {
  const auto size = static_cast<std::size_t>(parameters.gradients().numel());
  gradients_.assign(static_cast<std::size_t>(meshes), VectorMoments(size));
  differences_.assign(static_cast<std::size_t>(meshes - 1), VectorMoments(size));
}

void GradientSampler::add(const Samples& samples, std::int64_t step) {
  std::vector<Samples> on_mesh = {samples};
  while (on_mesh.size() < gradients_.size()) {
    const Mesh mesh{static_cast<int>(on_mesh.size()) - 1};
    on_mesh.push_back(coarsen(on_mesh.back(), mesh, mesh.coarser(), coarsen_));
  }
  for (std::int64_t i = 0; i < samples.size(); ++i) {
    std::vector<float> finer;  // grad f_{l-1}
    for (std::size_t l = 0; l < on_mesh.size(); ++l) {
      parameters_.zero_gradients();
      estimator_.paired({rows(on_mesh[l], i, 1)}, Mesh{static_cast<int>(l)}, step);
      std::vector<float> gradient = parameters_.gradients().to_vector<float>();
      gradients_[l].add(gradient);
      for (std::size_t p = 0; p < finer.size(); ++p) finer[p] -= gradient[p];
      if (l > 0) differences_[l - 1].add(finer);
      finer = std::move(gradient);
    }
  }
}

std::vector<MeshVariance> GradientSampler::result() const {
  std::vector<MeshVariance> meshes(gradients_.size());
  for (std::size_t l = 0; l < meshes.size(); ++l) {
    meshes[l].gradient = gradients_[l].result();
    if (l < differences_.size()) meshes[l].difference = differences_[l].result();
  }
  return meshes;
}

std::vector<MeshVariance> sample_gradients(const StudySubject& subject, Restriction restriction,
                                           Placement placement, std::int64_t samples) {
  GradientSampler sampler(subject.loss(), subject.estimator_options(restriction, placement),
                          subject.parameters(), subject.meshes());
  for (std::int64_t done = 0, round = 0; done < samples; done += samples_at_a_time, ++round) {
    const std::int64_t count = std::min(samples_at_a_time, samples - done);
    sampler.add(subject.samples(count, Mesh{0}, round, placement), round);
  }
  return sampler.result();
}

void fit(VarianceRow& row) {
  row.gradient_fit = fit_levels(row.meshes, &MeshVariance::gradient);
  row.difference_fit = fit_levels(row.meshes, &MeshVariance::difference);
}

std::vector<VarianceRow> study_variance(StudySubject& subject, const VarianceOptions& options) {
  std::vector<VarianceRow> rows;
  for (const std::int64_t step : options.steps) {
    subject.train_to(step);
    for (const Placement placement : options.placements) {
      for (const Restriction restriction : options.restrictions) {
        auto meshes = sample_gradients(subject, restriction, placement, options.samples);
        rows.push_back({.step = step,
                        .restriction = restriction,
                        .placement = placement,
                        .meshes = std::move(meshes)});
        fit(rows.back());
        std::fprintf(stderr, "after %ld steps: %s, degraded on %s\n", static_cast<long>(step),
                     std::string(name_of(restriction)).c_str(),
                     placement == Placement::finest ? "mesh 0" : "every mesh");
      }
    }
  }
  return rows;
}

}  // namespace telescope::app
