// SPDX-License-Identifier: MIT
#include "multilevel/budget.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace telescope {
namespace {

double cost_of(const std::vector<Stage>& stages, std::span<const double> cost) {
  double sum = 0;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    sum += static_cast<double>(stages[i].steps) * cost[i];
  }
  return sum;
}

// What the budget must be at least for a step of every stage that has steps.
double least_budget(const std::vector<Stage>& stages, std::span<const double> cost) {
  std::int64_t fewest = 0;
  for (const Stage& stage : stages) {
    if (stage.steps > 0 && (fewest == 0 || stage.steps < fewest)) fewest = stage.steps;
  }
  return cost_of(stages, cost) / static_cast<double>(fewest);
}

std::vector<std::size_t> dearest_first(std::span<const double> cost) {
  std::vector<std::size_t> order(cost.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return cost[a] > cost[b]; });
  return order;
}

}  // namespace

Schedule with_budget(const Schedule& schedule, std::span<const double> cost, double budget) {
  const std::vector<Stage>& stages = schedule.stages;
  TELESCOPE_CHECK(schedule.steps() >= 1, "budget", "the schedule '{}' has no steps", schedule.name);
  const bool fine =
      cost.size() == stages.size() &&
      std::all_of(cost.begin(), cost.end(), [](double c) { return std::isfinite(c) && c > 0; });
  TELESCOPE_CHECK(fine, "budget", "expected a positive cost for each of the {} stages of '{}'",
                  stages.size(), schedule.name);
  const double least = least_budget(stages, cost);
  TELESCOPE_CHECK(std::isfinite(budget) && budget >= least, "budget",
                  "'{}' needs at least {:.6g} for a step of every stage, got {:.6g}", schedule.name,
                  least, budget);
  // Steps that came out whole but for rounding are whole.
  const double room = 1e-12 * budget, factor = budget / cost_of(stages, cost);
  Schedule result = schedule;
  for (Stage& stage : result.stages) {
    const double exact = factor * static_cast<double>(stage.steps);
    stage.steps = static_cast<std::int64_t>(std::floor(exact * (1 + 1e-12)));
  }
  double left = budget - cost_of(result.stages, cost);
  for (const std::size_t i : dearest_first(cost)) {
    const double exact = factor * static_cast<double>(stages[i].steps);
    const bool rounded_down = static_cast<double>(result.stages[i].steps) < exact * (1 - 1e-12);
    if (!rounded_down || cost[i] > left + room) continue;
    ++result.stages[i].steps;
    left -= cost[i];
  }
  return result;
}

Schedule with_budget(const Schedule& schedule, double work_units) {
  std::vector<double> cost;
  for (const Stage& stage : schedule.stages) cost.push_back(work_units_per_step(stage));
  return with_budget(schedule, cost, work_units);
}

std::int64_t steps_of_share(const Schedule& schedule, double share) {
  TELESCOPE_CHECK(share >= 0 && share <= 1, "schedule", "expected a share of 0 to 1, got {}",
                  share);
  double left = share * work_units(schedule);
  std::int64_t steps = 0;
  for (const Stage& stage : schedule.stages) {
    const double cost = work_units_per_step(stage), whole = static_cast<double>(stage.steps) * cost;
    if (left < whole) return steps + static_cast<std::int64_t>(std::ceil(left / cost - 1e-9));
    left -= whole;
    steps += stage.steps;
  }
  return steps;
}

}  // namespace telescope
