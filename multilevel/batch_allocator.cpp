// SPDX-License-Identifier: MIT
#include "multilevel/batch_allocator.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace telescope {
namespace {

// A change of batches must be worth a new step graph.
constexpr double worthwhile = 0.95;

// mean += (values - mean) weight, from nothing on.
void update(std::vector<double>& mean, const std::vector<double>& values, double weight) {
  mean.resize(values.size());
  for (std::size_t l = 0; l < values.size(); ++l) mean[l] += weight * (values[l] - mean[l]);
}

}  // namespace

BatchAllocator::BatchAllocator(const Schedule& schedule, const AllocationOptions& options)
    : schedule_(schedule), options_(options) {
  check(schedule, options);
}

void BatchAllocator::check(const Schedule& schedule, const AllocationOptions& o) {
  TELESCOPE_CHECK(o.pilot >= 1 && o.measure_every >= 1 && o.change_every >= 1 && o.memory >= 1,
                  "allocation",
                  "expected pilot, measure_every, change_every and memory of at least 1, got {}, "
                  "{}, {} and {}",
                  o.pilot, o.measure_every, o.change_every, o.memory);
  if (o.kind == Allocation::planned) return;
  for (const Stage& stage : schedule.stages) {
    TELESCOPE_CHECK(stage.combination == Combination::telescoping, "allocation",
                    "optimal and adaptive batches need all levels in every step, '{}' draws one",
                    schedule.name);
  }
}

bool BatchAllocator::allocates(const Stage& stage) const {
  return options_.kind != Allocation::planned && stage.plan.levels() > 1;
}

BatchPlan BatchAllocator::current(const Stage& stage) const {
  return state_.batches.empty() ? stage.plan : BatchPlan(state_.batches);
}

BatchPlan BatchAllocator::plan(std::int64_t step) const {
  const BatchPlan plan = current(schedule_.stage_at(step));
  return measures(step) ? plan.at_least(2) : plan;
}

// The first step of a stage, from `at` on, that may begin with other batches.
std::int64_t BatchAllocator::next_change(std::int64_t at) const {
  const std::int64_t first = options_.pilot + 1, every = options_.change_every;
  if (at <= first) return first;
  if (options_.kind != Allocation::adaptive) return std::numeric_limits<std::int64_t>::max();
  return (at + every - 1) / every * every;
}

double BatchAllocator::most_work_units() const {
  double sum = work_units(schedule_);
  for (std::int64_t step = 0; step < schedule_.steps(); ++step) {
    if (!measures(step)) continue;
    const Stage& stage = schedule_.stage_at(step);
    sum += work_units(stage.plan.at_least(2), stage.finest) - work_units_per_step(stage);
  }
  return sum;
}

bool BatchAllocator::measures(std::int64_t step) const {
  const Stage& stage = schedule_.stage_at(step);
  const std::int64_t at = schedule_.step_of_stage(step);
  return allocates(stage) && next_change(at + 2) < stage.steps &&
         (at < options_.pilot || at % options_.measure_every == 0);
}

void BatchAllocator::observe(const std::vector<MeshReport>& meshes) {
  std::vector<double> variances;
  for (const MeshReport& mesh : meshes) {
    // A loss that is not finite ends the step; there is nothing to plan by.
    if (!mesh.variance || !std::isfinite(*mesh.variance)) return;
    variances.push_back(*mesh.variance);
  }
  ++state_.measurements;
  update(state_.variances, variances,
         1 / static_cast<double>(std::min(state_.measurements, options_.memory)));
  if (!options_.seconds) return;
  const std::vector<double> costs = measured_costs(meshes);
  if (state_.costs.empty()) state_.costs = costs;
  for (std::size_t l = 0; l < costs.size(); ++l) {
    state_.costs[l] = std::min(state_.costs[l], costs[l]);
  }
}

// What the steps that will measure this plan cost beyond it, as a mean over all that are taken with
// it.
double BatchAllocator::cost_of_measuring(const BatchPlan& plan,
                                         std::span<const double> costs) const {
  if (options_.kind != Allocation::adaptive) return 0;
  const std::int64_t every = options_.change_every,
                     measured = (every + options_.measure_every - 1) / options_.measure_every;
  return (cost(costs, plan.at_least(2)) - cost(costs, plan)) * static_cast<double>(measured) /
         static_cast<double>(every);
}

// The best plan that pays for its measurements as well, where there is one.
BatchPlan BatchAllocator::best_plan(const Stage& stage, std::span<const double> costs) const {
  const double most = cost(costs, stage.plan);
  const double least = std::accumulate(costs.begin(), costs.end(), 0.0);
  double budget = most, measuring = 0;
  for (;;) {
    BatchPlan best = optimal_plan(state_.variances, costs, budget);
    const double needed = cost_of_measuring(best, costs);
    const bool paid = needed <= measuring || cost(costs, best) + needed <= most;
    if (paid || budget <= least) return best;
    measuring = needed;
    budget = std::max(least, most - measuring);
  }
}

void BatchAllocator::change(const Stage& stage) {
  const auto costs =
      options_.seconds ? state_.costs : level_costs(stage.finest, stage.plan.levels());
  const BatchPlan best = best_plan(stage, costs);
  const auto effort = [&](const BatchPlan& plan) {
    return predicted_variance(state_.variances, plan) * cost(costs, plan);
  };
  if (effort(best) < worthwhile * effort(current(stage))) state_.batches = best.batches();
}

void BatchAllocator::advance(std::int64_t step) {
  const Stage& stage = schedule_.stage_at(step);
  const std::int64_t at = schedule_.step_of_stage(step);
  if (at == 0) state_ = {};
  if (allocates(stage) && state_.measurements > 0 && next_change(at) == at) change(stage);
}

void BatchAllocator::restore(const AllocationState& state, std::int64_t step) {
  if (step < schedule_.steps()) {
    const auto levels = static_cast<std::size_t>(schedule_.stage_at(step).plan.levels());
    for (const std::size_t n : {state.batches.size(), state.variances.size(), state.costs.size()}) {
      TELESCOPE_CHECK(n == 0 || n == levels, "allocation",
                      "the stage of step {} has {} levels, what was measured for it {}", step,
                      levels, n);
    }
  }
  state_ = state;
}

}  // namespace telescope
