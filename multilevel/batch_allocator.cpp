// SPDX-License-Identifier: MIT
#include "multilevel/batch_allocator.h"

#include <algorithm>
#include <cmath>
#include <limits>

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

void BatchAllocator::change(const Stage& stage) {
  const auto costs =
      options_.seconds ? state_.costs : level_costs(stage.finest, stage.plan.levels());
  const BatchPlan best = optimal_plan(state_.variances, costs, cost(costs, stage.plan));
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
