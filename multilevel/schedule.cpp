// SPDX-License-Identifier: MIT
#include "multilevel/schedule.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>

#include "multilevel/allocation.h"

namespace telescope {

BatchPlan::BatchPlan(std::vector<std::int64_t> batches) : batches_(std::move(batches)) {
  TELESCOPE_CHECK(!batches_.empty(), "batch plan", "expected at least one level, got none");
  for (const std::int64_t n : batches_) {
    TELESCOPE_CHECK(n >= 1, "batch plan", "expected at least 1 image on every level, got {}",
                    str());
  }
}

BatchPlan BatchPlan::geometric(std::int64_t first, int levels, std::int64_t growth) {
  TELESCOPE_CHECK(levels >= 1 && levels <= 16 && growth >= 1, "batch plan",
                  "expected 1 to 16 levels and a growth of at least 1, got {} levels, growth {}",
                  levels, growth);
  std::vector<std::int64_t> batches{first};
  for (int l = 1; l < levels; ++l) {
    TELESCOPE_CHECK(batches.back() <= std::numeric_limits<std::int32_t>::max() / growth,
                    "batch plan", "{} images growing by {} over {} levels are too many", first,
                    growth, levels);
    batches.push_back(batches.back() * growth);
  }
  return BatchPlan(std::move(batches));
}

std::int64_t BatchPlan::samples() const {
  return std::accumulate(batches_.begin(), batches_.end(), std::int64_t{0});
}

std::int64_t BatchPlan::operator[](int level) const {
  check_level(level);
  return batches_[static_cast<std::size_t>(level)];
}

void BatchPlan::check_level(int level) const {
  TELESCOPE_CHECK(level >= 0 && level < levels(), "batch plan", "{} has no level {}", str(), level);
}

BatchPlan BatchPlan::from(int level) const {
  check_level(level);
  return BatchPlan(std::vector<std::int64_t>(batches_.begin() + level, batches_.end()));
}

std::string BatchPlan::str() const {
  std::string text;
  for (const std::int64_t n : batches_) text += (text.empty() ? "" : ",") + std::to_string(n);
  return text;
}

BatchPlan BatchPlan::at_least(std::int64_t n) const {
  std::vector<std::int64_t> batches = batches_;
  for (std::int64_t& batch : batches) batch = std::max(batch, n);
  return BatchPlan(std::move(batches));
}

double Stage::probability(int level) const {
  if (probabilities.empty()) return 1.0 / plan.levels();
  TELESCOPE_CHECK(probabilities.size() == static_cast<std::size_t>(plan.levels()), "schedule",
                  "expected a probability for each of {} levels, got {}", plan.levels(),
                  probabilities.size());
  return probabilities[static_cast<std::size_t>(level)];
}

std::int64_t Schedule::steps() const {
  std::int64_t sum = 0;
  for (const Stage& stage : stages) sum += stage.steps;
  return sum;
}

int Schedule::meshes() const {
  int most = 1;
  for (const Stage& stage : stages) most = std::max(most, stage.coarsest().level + 1);
  return most;
}

const Stage& Schedule::stage_at(std::int64_t step) const {
  for (const Stage& stage : stages) {
    if (step < stage.steps) return stage;
    step -= stage.steps;
  }
  raise("schedule", "'{}' has {} steps, asked for the stage of a later one", name, steps());
}

std::int64_t Schedule::step_of_stage(std::int64_t step) const {
  const Stage& stage = stage_at(step);
  for (const Stage* before = stages.data(); before != &stage; ++before) step -= before->steps;
  return step;
}

std::vector<double> level_costs(Mesh finest, int levels) {
  std::vector<double> costs;
  for (Mesh mesh = finest; mesh.level < finest.level + levels; mesh = mesh.coarser()) {
    if (!costs.empty()) costs.back() += mesh.cost();
    costs.push_back(mesh.cost());
  }
  return costs;
}

double work_units(const BatchPlan& plan, Mesh finest) {
  return cost(level_costs(finest, plan.levels()), plan);
}

double work_units_per_step(const Stage& stage) {
  if (stage.combination == Combination::telescoping) return work_units(stage.plan, stage.finest);
  const auto costs = level_costs(stage.finest, stage.plan.levels());
  double mean = 0;
  for (int l = 0; l < stage.plan.levels(); ++l) {
    const bool term = stage.combination == Combination::random_term;
    const double each = term ? costs[static_cast<std::size_t>(l)] : stage.mesh(l).cost();
    mean += stage.probability(l) * static_cast<double>(stage.plan[l]) * each;
  }
  return mean;
}

double work_units(const Schedule& schedule) {
  double sum = 0;
  for (const Stage& stage : schedule.stages) {
    sum += static_cast<double>(stage.steps) * work_units_per_step(stage);
  }
  return sum;
}

namespace {

void check_steps(std::int64_t steps) {
  TELESCOPE_CHECK(steps >= 1, "schedule", "expected at least 1 step, got {}", steps);
}

// Stages from the coarsest mesh of the plan to mesh 0, halving the steps.
template <class PlanOfMesh>
std::vector<Stage> coarse_to_fine(int levels, std::int64_t steps, PlanOfMesh&& plan_of) {
  check_steps(steps);
  std::vector<Stage> stages;
  for (int l = levels - 1; l >= 0; --l) {
    stages.push_back({.finest = Mesh{l}, .plan = plan_of(l), .steps = steps});
    steps = (steps + 1) / 2;
  }
  return stages;
}

}  // namespace

Schedule single_scale(std::int64_t batch, std::int64_t steps) {
  check_steps(steps);
  return {"single-scale", {{.finest = {}, .plan = BatchPlan({batch}), .steps = steps}}};
}

Schedule mge(const BatchPlan& plan, std::int64_t steps) {
  check_steps(steps);
  return {"mge", {{.finest = {}, .plan = plan, .steps = steps}}};
}

Schedule full_multiscale(const BatchPlan& plan, std::int64_t steps) {
  return {"full-multiscale",
          coarse_to_fine(plan.levels(), steps, [&](int l) { return plan.from(l); })};
}

Schedule progressive_resizing(const BatchPlan& plan, std::int64_t steps) {
  return {"progressive-resizing",
          coarse_to_fine(plan.levels(), steps, [&](int l) { return BatchPlan({plan[l]}); })};
}

Schedule random_resizing(const BatchPlan& plan, std::int64_t steps) {
  check_steps(steps);
  return {"random-resizing",
          {{.finest = {}, .plan = plan, .steps = steps, .combination = Combination::random_mesh}}};
}

Schedule randomised_mge(const BatchPlan& plan, std::int64_t steps) {
  check_steps(steps);
  auto costs = level_costs(Mesh{0}, plan.levels());
  for (int l = 0; l < plan.levels(); ++l) {
    costs[static_cast<std::size_t>(l)] *= static_cast<double>(plan[l]);
  }
  const std::vector<double> alike(costs.size(), 1.0);
  return {"randomised-mge",
          {{.finest = {},
            .plan = plan,
            .steps = steps,
            .combination = Combination::random_term,
            .probabilities = term_probabilities(alike, costs)}}};
}

namespace {
constexpr std::array<std::string_view, 7> names = {
    "single-scale",         "single-scale-small", "mge",           "full-multiscale",
    "progressive-resizing", "random-resizing",    "randomised-mge"};
}

std::span<const std::string_view> strategy_names() { return names; }

Schedule make_schedule(std::string_view name, const BatchPlan& plan, std::int64_t steps) {
  if (name == "single-scale") return single_scale(plan.samples(), steps);
  if (name == "single-scale-small") {
    Schedule schedule = single_scale(plan[0], steps);
    schedule.name = name;
    return schedule;
  }
  if (name == "mge") return mge(plan, steps);
  if (name == "full-multiscale") return full_multiscale(plan, steps);
  if (name == "progressive-resizing") return progressive_resizing(plan, steps);
  if (name == "random-resizing") return random_resizing(plan, steps);
  if (name == "randomised-mge") return randomised_mge(plan, steps);
  std::string known;
  for (const std::string_view each : names)
    known += (known.empty() ? "" : ", ") + std::string(each);
  raise("strategy", "expected one of {}; got '{}'", known, name);
}

}  // namespace telescope
