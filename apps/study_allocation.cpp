// SPDX-License-Identifier: MIT
#include "apps/study_allocation.h"

#include <algorithm>
#include <cstdio>

#include "apps/study_variance.h"
#include "multilevel/allocation.h"

namespace telescope::app {
namespace {

constexpr std::int64_t first_round = 1 << 20;  // beyond those that the variances are taken from

// Other programs make a pass slower, and none makes it faster.
double least(const std::vector<double>& seconds) {
  return *std::min_element(seconds.begin(), seconds.end());
}

// The largest plan N_0 growth^l within the budget, with N_0 of at least 1.
BatchPlan geometric_within(double budget, int levels, std::int64_t growth) {
  const double one = work_units(BatchPlan::geometric(1, levels, growth));
  const auto first = static_cast<std::int64_t>(budget / one);
  return BatchPlan::geometric(std::max<std::int64_t>(1, first), levels, growth);
}

// Everything at one state of the training.
class Measurement {
 public:
  Measurement(const StudySubject& subject, const AllocationStudyOptions& options, std::int64_t step)
      : subject_(subject),
        options_(options),
        step_(step),
        estimator_(subject.loss(),
                   subject.estimator_options(options.restriction, options.placement)) {}

  void add_to(AllocationFigures& figures) {
    const int levels = subject_.meshes();
    const std::vector<double> work = level_costs(Mesh{0}, levels);
    measure_terms();
    add("single scale", BatchPlan({std::max<std::int64_t>(1, std::int64_t(options_.budget))}));
    add("growth 2", geometric_within(options_.budget, levels, 2));
    const std::vector<double> seconds = measured_costs(meshes_);
    add("growth 4", geometric_within(options_.budget, levels, 4));
    add("optimal for work", optimal_plan(variances_, work, options_.budget));
    const double time = cost(seconds, plans_.back().batches);
    add("optimal for time", optimal_plan(variances_, seconds, time));
    for (std::size_t l = 0; l < work.size(); ++l) {
      figures.levels.push_back({step_, static_cast<int>(l), terms_[l], work[l], seconds[l]});
    }
    figures.plans.insert(figures.plans.end(), plans_.begin(), plans_.end());
  }

 private:
  void measure_terms() {
    for (const MeshVariance& mesh :
         sample_gradients(subject_, options_.restriction, options_.placement, options_.samples)) {
      if (terms_.empty()) finest_ = mesh.gradient;
      const bool coarsest = static_cast<int>(terms_.size()) + 1 == subject_.meshes();
      terms_.push_back(coarsest ? mesh.gradient : mesh.difference);
      variances_.push_back(terms_.back().variance);
    }
  }

  // Estimates the gradient again and again with fresh samples; leaves in meshes_ the least times.
  void add(const char* name, const BatchPlan& plan) {
    std::vector<std::vector<double>> seconds(static_cast<std::size_t>(plan.levels()));
    std::vector<double> all_seconds;
    const ParameterBuffer& parameters = subject_.parameters();
    VectorMoments estimates(static_cast<std::size_t>(parameters.gradients().numel()));
    for (std::int64_t k = 0; k < options_.repeats; ++k) {
      std::vector<Samples> levels;
      for (int l = 0; l < plan.levels(); ++l) {
        levels.push_back(subject_.samples(plan[l], Mesh{l}, first_round + k, options_.placement));
      }
      parameters.zero_gradients();
      meshes_ = estimator_.merged(levels, Mesh{0}, first_round + k).reports();
      estimates.add(parameters.gradients().to_vector<float>());
      double sum = 0;
      for (std::size_t l = 0; l < meshes_.size(); ++l) {
        seconds[l].push_back(*meshes_[l].seconds);
        sum += seconds[l].back();
      }
      all_seconds.push_back(sum);
    }
    for (std::size_t l = 0; l < meshes_.size(); ++l) meshes_[l].seconds = least(seconds[l]);
    plans_.push_back({.step = step_,
                      .name = name,
                      .batches = plan,
                      .work_units = work_units(plan),
                      .seconds = least(all_seconds),
                      .observed = estimates.result()});
    const bool single = plan.levels() == 1;
    predict(plans_.back(), single ? std::span(&finest_, 1) : std::span(terms_));
    std::fprintf(stderr, "after %ld steps: %s (%s)\n", static_cast<long>(step_), name,
                 plan.str().c_str());
  }

  const StudySubject& subject_;
  const AllocationStudyOptions& options_;
  std::int64_t step_;
  Estimator estimator_;
  std::vector<VectorStatistics> terms_;  // by level
  std::vector<double> variances_;        // of the terms
  VectorStatistics finest_;              // grad f_0
  std::vector<MeshReport> meshes_;       // of the last plan
  std::vector<PlanFigures> plans_;
};

}  // namespace

void predict(PlanFigures& plan, std::span<const VectorStatistics> terms) {
  std::vector<double> groups(terms.front().groups.size()), variances;
  for (std::size_t l = 0; l < terms.size(); ++l) {
    const auto n = static_cast<double>(plan.batches[static_cast<int>(l)]);
    for (std::size_t g = 0; g < groups.size(); ++g) groups[g] += terms[l].groups[g] / n;
    variances.push_back(terms[l].variance);
  }
  plan.predicted = predicted_variance(variances, plan.batches);
  plan.predicted_error = standard_error(groups);
}

AllocationFigures study_allocation(StudySubject& subject, const AllocationStudyOptions& options) {
  AllocationFigures figures;
  for (const std::int64_t step : options.steps) {
    subject.train_to(step);
    Measurement(subject, options, step).add_to(figures);
  }
  return figures;
}

}  // namespace telescope::app
