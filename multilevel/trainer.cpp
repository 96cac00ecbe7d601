// SPDX-License-Identifier: MIT
#include "multilevel/trainer.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/memory.h"
#include "core/philox.h"
#include "core/profile.h"

namespace telescope {

namespace {
Tensor step_on(const Device& device) {
  return device.is_cpu() ? Tensor() : Tensor::zeros({1}, DType::i64, device);
}

void check_probabilities(const Stage& stage, const std::string& schedule) {
  double sum = 0, least = 1;
  for (int l = 0; l < stage.plan.levels(); ++l) {
    sum += stage.probability(l);
    least = std::min(least, stage.probability(l));
  }
  TELESCOPE_CHECK(least > 0 && std::abs(sum - 1) < 1e-9, "trainer",
                  "'{}' draws levels with probabilities from {} on and of sum {}, expected them to "
                  "be above 0 and of sum 1",
                  schedule, least, sum);
}
}  // namespace

Trainer::Trainer(ParameterBuffer& parameters, Optimizer& optimizer, SampleLoss loss,
                 SampleSource& source, Schedule schedule, LearningRate rate,
                 const TrainerOptions& options)
    : parameters_(parameters),
      optimizer_(optimizer),
      source_(source),
      schedule_(std::move(schedule)),
      rate_(rate),
      options_(options),
      coarsen_(options.coarsen ? options.coarsen : coarsening(options.restriction)),
      device_step_(step_on(parameters.values().device())),
      estimator_(std::move(loss), {options.restriction, options.seed, device_step_, coarsen_}),
      allocator_(schedule_, options.allocation) {
  TELESCOPE_CHECK(schedule_.steps() >= 1, "trainer", "the schedule '{}' has no steps",
                  schedule_.name);
  for (std::size_t i = 0; i < schedule_.stages.size(); ++i) {
    const Stage& stage = schedule_.stages[i];
    TELESCOPE_CHECK(stage.steps >= 0 && stage.finest.level >= 0, "trainer",
                    "stage {} of '{}' has {} steps on {}; expected 0 or more steps on a mesh from "
                    "0 on",
                    i, schedule_.name, stage.steps, stage.finest.str());
    check_probabilities(stage, schedule_.name);
  }
}

void Trainer::resume(const TrainerState& state) {
  TELESCOPE_CHECK(state.steps >= 0 && state.steps <= schedule_.steps(), "trainer",
                  "cannot resume at step {} of {}", state.steps, schedule_.steps());
  TELESCOPE_CHECK(running_.empty(), "trainer", "cannot resume with {} steps in flight",
                  running_.size());
  allocator_.restore(state.allocation, state.steps);
  state_ = state;
  started_ = state.steps;
}

// l with probability p_l: where a uniform number falls among their sums.
int Trainer::drawn_level(const Stage& stage, std::int64_t step) const {
  RandomSequence random(RandomKey(options_.seed, "mesh", static_cast<std::uint64_t>(step)));
  const double high = random.word(), low = random.word();
  double left = 0x1p-32 * high + 0x1p-64 * low;
  int level = 0;
  for (; level + 1 < stage.plan.levels(); ++level) {
    left -= stage.probability(level);
    if (left < 0) break;
  }
  return level;
}

Trainer::StepPlan Trainer::plan_of(std::int64_t step) const {
  const Stage& stage = schedule_.stage_at(step);
  const BatchPlan planned = allocator_.plan(step);
  StepPlan plan{stage.finest, planned, {}, planned.batches()};
  plan.name.push_back(&stage - schedule_.stages.data());
  if (stage.combination != Combination::telescoping) {
    const int level = drawn_level(stage, step);
    plan.finest = stage.mesh(level);
    plan.batches = BatchPlan({planned[level]});
    if (stage.combination == Combination::random_term) {
      plan.terms = {.last_is_difference = level + 1 < planned.levels(),
                    .weight = 1 / stage.probability(level)};
    }
  }
  return plan;
}

double Trainer::StepPlan::work_units() const {
  double below = 0;
  if (terms.last_is_difference) {
    const int last = batches.levels() - 1;
    below = static_cast<double>(batches[last]) * Mesh{finest.level + last + 1}.cost();
  }
  return telescope::work_units(batches, finest) + below;
}

std::vector<Draw> Trainer::draws_of(const StepPlan& plan, std::int64_t step) {
  std::vector<Draw> draws;
  for (int l = 0; l < plan.batches.levels(); ++l) {
    draws.push_back({Mesh{plan.finest.level + l}, plan.batches[l], step});
  }
  return draws;
}

// A number for each sample of a level, the same in every step.
Tensor Trainer::ids(const Draw& draw, const Device& device) {
  Tensor& ids = ids_[{draw.level.level, draw.count}];
  if (!ids.defined()) {
    std::vector<std::int64_t> values(static_cast<std::size_t>(draw.count));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = (std::int64_t{draw.level.level} << 40) + static_cast<std::int64_t>(i);
    }
    ids = Tensor::from(values, {draw.count}).to(device);
  }
  return ids;
}

// Fresh samples for every level, brought from mesh 0 to the finest mesh of the step.
std::vector<Samples> Trainer::draw(const StepPlan& plan, std::int64_t step) {
  const Scope scope("samples");
  const NoGradGuard no_grad;
  std::vector<Samples> levels;
  for (const Draw& draw : draws_of(plan, step)) {
    Samples samples = source_.draw(draw);
    TELESCOPE_CHECK(samples.size() == draw.count, "samples", "asked for {}, got {}", draw.count,
                    samples.size());
    samples.ids = ids(draw, samples.input.device());
    levels.push_back(coarsen(samples, Mesh{0}, plan.finest, coarsen_));
  }
  return levels;
}

bool Trainer::measures(std::int64_t step) const {
  return allocator_.measures(step) ||
         (options_.measure_every > 0 && step % options_.measure_every == 0);
}

Estimate Trainer::estimate(const std::vector<Samples>& levels, const StepPlan& plan) {
  const Mesh finest = plan.finest;
  if (measures(started_)) {
    return estimator_.measured(levels, finest, started_, parameters_, options_.micro_batches,
                               plan.terms);
  }
  return options_.paired ? estimator_.paired(levels, finest, started_, plan.terms)
                         : estimator_.merged(levels, finest, started_, plan.terms);
}

// All that a step does once its samples are there. Unless it measures, it waits for nothing and may
// be recorded.
Estimate Trainer::estimate_and_apply(const std::vector<Samples>& levels, const StepPlan& plan) {
  parameters_.zero_gradients();
  const Estimate result = estimate(levels, plan);
  const Scope scope("optimizer");
  optimizer_.halt_unless_finite(result.losses());
  optimizer_.apply_step();
  return result;
}

void Trainer::start_step() {
  TELESCOPE_CHECK(can_start(), "trainer", "all {} steps of '{}' are done", schedule_.steps(),
                  schedule_.name);
  const std::int64_t optimizer_steps = optimizer_.steps();
  const AllocationState allocation = allocator_.state();
  try {
    launch_step();
  } catch (...) {
    optimizer_.set_steps(optimizer_steps);  // which counts a step before it is taken
    allocator_.restore(allocation, started_);
    throw;
  }
}

void Trainer::launch_step() {
  Running running{.start = now_seconds(), .allocation_before = allocator_.state()};
  const std::int64_t flop_before = work_done().flop, step = started_;
  const StepPlan plan = plan_of(step);
  if (step > 0 && schedule_.step_of_stage(step) == 0) {  // larger images need longer blocks
    release_cached_memory(parameters_.values().device());
  }
  if (step + 1 < schedule_.steps()) {
    allocator_.advance(step + 1);
    for (const Draw& next : draws_of(plan_of(step + 1), step + 1)) source_.prepare(next);
  }

  const auto levels = draw(plan, step);
  running.report = {.step = step, .learning_rate = rate_.at(step)};
  running.optimizer_steps_before = optimizer_.steps();
  optimizer_.prepare_step(running.report.learning_rate);
  if (device_step_.defined()) device_step_.copy_from(Tensor::from<std::int64_t>({step}, {1}));
  if (options_.graphs && !measures(step) && Graph::supported(parameters_.values().device())) {
    running.estimate = graphs_.run(
        plan.name, levels, plan.finest,
        [&](const std::vector<Samples>& inputs) { return estimate_and_apply(inputs, plan); });
  } else {
    running.estimate = estimate_and_apply(levels, plan);
  }
  if (allocator_.measures(step)) allocator_.observe(running.estimate.reports());
  running.losses = HostCopy(running.estimate.losses());

  for (const Samples& samples : levels) running.report.images += samples.size();
  running.work_units = plan.work_units();
  running.flop = work_done().flop - flop_before;
  running_.push_back(std::move(running));
  ++started_;
}

StepReport Trainer::finish_step() {
  TELESCOPE_CHECK(!running_.empty(), "trainer", "no step is in flight");
  StepReport& report = running_.front().report;
  report.meshes = running_.front().estimate.reports(running_.front().losses.values<double>());
  for (const MeshReport& mesh : report.meshes) {
    if (!std::isfinite(mesh.loss) || !std::isfinite(mesh.difference)) {
      give_up(running_.front(), mesh);
    }
  }
  report.loss = report.meshes.front().loss;

  const Running running = std::move(running_.front());
  running_.pop_front();
  const double now = now_seconds();
  StepReport result = running.report;
  result.seconds = now - std::max(running.start, last_finish_);  // what a step before took is its
  last_finish_ = now;
  state_.steps = result.step + 1;
  state_.seconds += result.seconds;
  state_.images += result.images;
  state_.flop += running.flop;
  state_.work_units += running.work_units;
  state_.allocation = running_.empty() ? allocator_.state() : running_.front().allocation_before;
  return result;
}

// The optimizer has left the parameters alone since the loss was not finite.
void Trainer::give_up(const Running& failed, const MeshReport& at) {
  const MeshReport mesh = at;  // of a step that is forgotten here
  const std::int64_t step = failed.report.step;
  optimizer_.set_steps(failed.optimizer_steps_before);
  running_.clear();
  started_ = state_.steps;
  allocator_.restore(state_.allocation, started_);
  const bool fine = !std::isfinite(mesh.loss);  // or the coarse side of the difference
  detail::fail<Diverged>(
      "train",
      "the loss of step {} on {} is {}, expected a finite number; the parameters of "
      "the step before are kept; a smaller learning rate may help",
      step + 1, (fine ? mesh.mesh : mesh.mesh.coarser()).str(),
      fine ? mesh.loss : mesh.loss - mesh.difference);
}

StepReport Trainer::step() {
  TELESCOPE_CHECK(running_.empty(), "trainer", "{} steps are in flight; finish them first",
                  running_.size());
  start_step();
  return finish_step();
}

}  // namespace telescope
