// SPDX-License-Identifier: MIT
#include "apps/budget.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "apps/text.h"
#include "multilevel/budget.h"

namespace telescope::app {
namespace {

constexpr double kOverrun = 1.05, kPilotShare = 0.05, kMostRepeats = 1000;
constexpr double kMost = 1e12;  // its steps can be counted
// Stages have half the steps of the one before: so many that the ratios come out whole.
constexpr std::int64_t kManySteps = std::int64_t{1} << 20;
constexpr std::int64_t kPilotMeasureEvery = 4;

std::vector<std::int64_t> steps_of(const Schedule& schedule) {
  std::vector<std::int64_t> steps;
  for (const Stage& stage : schedule.stages) steps.push_back(stage.steps);
  return steps;
}

// The more, the cheaper a step is: about as much work on every stage, but a few steps at least,
// and enough of a stage that draws its mesh to see all of them.
std::vector<std::int64_t> pilot_steps(const Schedule& schedule) {
  double dearest = 0;
  for (const Stage& stage : schedule.stages) {
    dearest = std::max(dearest, work_units_per_step(stage));
  }
  std::vector<std::int64_t> steps;
  for (const Stage& stage : schedule.stages) {
    const auto cheap = static_cast<std::int64_t>(9 * dearest / work_units_per_step(stage));
    const bool draws = stage.combination != Combination::telescoping;
    steps.push_back(std::clamp<std::int64_t>(cheap, 9, 65) * (draws ? stage.plan.levels() : 1));
  }
  return steps;
}

// Without the first, which found memory and caches cold. The mean, as it is seconds on the clock
// that are spent, those that other programs took included.
double typical_of(const std::vector<double>& seconds) {
  const std::size_t skipped = seconds.size() > 1 ? 1 : 0;
  double sum = 0;
  for (std::size_t i = skipped; i < seconds.size(); ++i) sum += seconds[i];
  return sum / static_cast<double>(seconds.size() - skipped);
}

// Times of one stage's steps by their finest mesh, plain ones and those that measured gradients.
struct Times {
  std::map<int, std::vector<double>> plain, measured;

  void add(const StepReport& report) {
    const MeshReport& finest = report.meshes.front();
    (finest.gradient_norm ? measured : plain)[finest.mesh.level].push_back(report.seconds);
  }
  // Of a step of that stage with one in `measure_every` measured; a mesh that is drawn counts as
  // often as it is.
  double per_step(const Stage& stage, std::int64_t measure_every) const {
    const double share = measure_every > 0 ? 1 / static_cast<double>(measure_every) : 0;
    const bool draws = stage.combination != Combination::telescoping;
    double sum = 0, weights = 0;
    for (const auto& [mesh, seconds] : plain) {
      const double weight = draws ? stage.probability(mesh - stage.finest.level) : 1;
      const double typical = typical_of(seconds);
      const auto found = measured.find(mesh);
      const double slow = found == measured.end() ? typical : typical_of(found->second);
      sum += weight * ((1 - share) * typical + share * slow);
      weights += weight;
    }
    return sum / weights;
  }
};

double positive(const char* option, double value) {
  TELESCOPE_CHECK(value > 0, option, "expected a number above 0, got {}", value);
  TELESCOPE_CHECK(value <= kMost, option, "expected at most {}, got {}", kMost, value);
  return value;
}

}  // namespace

std::string Budget::str() const {
  if (work_units) return format_count(*work_units) + " WU";
  return seconds ? format_seconds(*seconds) : "";
}

Limits Budget::limits() const {
  Limits limits;
  if (seconds) limits.seconds = kOverrun * *seconds;
  if (target) limits.target = *target;
  return limits;
}

void check(const Budget& budget) {
  if (budget.work_units) positive("--budget-wu", *budget.work_units);
  if (budget.seconds) positive("--budget-seconds", *budget.seconds);
  if (budget.target) positive("--target", *budget.target);
}

namespace {
// f(name, member)
template <class AnyBudget, class F>
void for_each_member(AnyBudget& budget, F&& f) {
  f("budget-wu", budget.work_units);
  f("budget-seconds", budget.seconds);
  f("target", budget.target);
}
}  // namespace

nlohmann::json to_json(const Budget& budget) {
  nlohmann::json json = nlohmann::json::object();
  for_each_member(budget, [&](const char* name, const std::optional<double>& member) {
    json[name] = member ? nlohmann::json(*member) : nlohmann::json(nullptr);
  });
  return json;
}

Budget budget_from_json(const nlohmann::json& json) {
  Budget budget;
  for_each_member(budget, [&](const char* name, std::optional<double>& member) {
    if (!json.at(name).is_null()) member = json.at(name).get<double>();
  });
  return budget;
}

namespace {

// Seconds of a step of every stage, from a run of `repeat` times the pilot's steps.
struct Pilot {
  std::vector<double> per_step;
  double seconds = 0;  // all together
};

Pilot run_pilot(const RunOptions& options, std::int64_t repeat, const Pictures& pictures,
                const Machine& machine) {
  RunOptions pilot = options;
  pilot.stage_steps = pilot_steps(schedule_of(options));
  for (std::int64_t& steps : pilot.stage_steps) steps *= repeat;
  if (pilot.measure_every > 0) pilot.measure_every = kPilotMeasureEvery;
  Experiment experiment(pilot, pictures, machine);
  Trainer& trainer = experiment.trainer();
  const Schedule& schedule = trainer.schedule();
  const bool runs_ahead = !machine.device.is_cpu();  // as in run()
  std::vector<Times> times(schedule.stages.size());
  while (!trainer.done()) {
    if (trainer.in_flight() == 0) trainer.start_step();
    if (runs_ahead && trainer.can_start()) trainer.start_step();
    const StepReport report = trainer.finish_step();
    const Stage& stage = schedule.stage_at(report.step);
    times[static_cast<std::size_t>(&stage - schedule.stages.data())].add(report);
  }
  Pilot result{.seconds = trainer.state().seconds};
  for (std::size_t i = 0; i < times.size(); ++i) {
    result.per_step.push_back(times[i].per_step(schedule.stages[i], options.measure_every));
  }
  return result;
}

}  // namespace

std::vector<double> seconds_per_step(const RunOptions& options, double at_least,
                                     const Pictures& pictures, const Machine& machine) {
  double repeat = 1;
  for (int round = 0;; ++round) {
    const Pilot pilot = run_pilot(options, static_cast<std::int64_t>(repeat), pictures, machine);
    // Pictures are drawn or read when they are first asked for, so the first round is none.
    if (round == 2 || (round == 1 && pilot.seconds >= at_least)) return pilot.per_step;
    repeat = std::clamp(std::ceil(repeat * at_least / pilot.seconds), 1.0, kMostRepeats);
  }
}

namespace {

// Steps that measure may cost more than those of the schedule, which are then fewer.
Schedule within_work_units(const Schedule& schedule, const RunOptions& options, double budget) {
  for (double room = budget;;) {
    Schedule scaled = with_budget(schedule, room);
    const double most = BatchAllocator(scaled, allocation_of(options)).most_work_units();
    if (most <= budget * (1 + 1e-9)) return scaled;
    room -= most - budget;
  }
}

}  // namespace

RunOptions within_budget(RunOptions options, const Budget& budget, const Pictures& pictures,
                         const Machine& machine) {
  if (!budget.work_units && !budget.seconds) return options;
  options.steps = kManySteps;
  Schedule schedule = schedule_of(options);
  if (budget.work_units) {
    schedule = within_work_units(schedule, options, *budget.work_units);
  } else {
    const auto cost = seconds_per_step(options, kPilotShare * *budget.seconds, pictures, machine);
    schedule = with_budget(schedule, cost, *budget.seconds);
  }
  options.steps = schedule.stages.front().steps;
  options.stage_steps = steps_of(schedule);
  return options;
}

}  // namespace telescope::app
