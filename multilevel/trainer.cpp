// SPDX-License-Identifier: MIT
#include "multilevel/trainer.h"

#include <cmath>

#include "core/autograd.h"
#include "core/philox.h"
#include "core/profile.h"

namespace telescope {

Trainer::Trainer(ParameterBuffer& parameters, Optimizer& optimizer, SampleLoss loss,
                 SampleSource& source, Schedule schedule, LearningRate rate,
                 const TrainerOptions& options)
    : parameters_(parameters),
      optimizer_(optimizer),
      source_(source),
      schedule_(std::move(schedule)),
      rate_(rate),
      options_(options),
      estimator_(std::move(loss), {options.restriction, options.seed}) {
  TELESCOPE_CHECK(schedule_.steps() >= 1, "trainer", "the schedule '{}' has no steps",
                  schedule_.name);
  for (std::size_t i = 0; i < schedule_.stages.size(); ++i) {
    const Stage& stage = schedule_.stages[i];
    TELESCOPE_CHECK(stage.steps >= 0 && stage.finest.level >= 0, "trainer",
                    "stage {} of '{}' has {} steps on {}; expected 0 or more steps on a mesh from "
                    "0 on",
                    i, schedule_.name, stage.steps, stage.finest.str());
  }
}

void Trainer::resume(const TrainerState& state) {
  TELESCOPE_CHECK(state.steps >= 0 && state.steps <= schedule_.steps(), "trainer",
                  "cannot resume at step {} of {}", state.steps, schedule_.steps());
  state_ = state;
}

// The finest mesh of a step: that of its stage, or one drawn among those of its plan.
Mesh Trainer::mesh_of(const Stage& stage, std::int64_t step) const {
  if (stage.combination == Combination::telescoping) return stage.finest;
  RandomSequence random(RandomKey(options_.seed, "mesh", static_cast<std::uint64_t>(step)));
  return stage.mesh(
      static_cast<int>(random.below(static_cast<std::uint32_t>(stage.plan.levels()))));
}

std::vector<Draw> Trainer::draws_of(std::int64_t step) const {
  const Stage& stage = schedule_.stage_at(step);
  const Mesh finest = mesh_of(stage, step);
  if (stage.combination == Combination::random_mesh) {
    return {{finest, stage.plan[finest.level - stage.finest.level], step}};
  }
  std::vector<Draw> draws;
  for (int l = 0; l < stage.plan.levels(); ++l) {
    draws.push_back({stage.mesh(l), stage.plan[l], step});
  }
  return draws;
}

// Fresh samples for every level, brought from mesh 0 to the finest mesh of the step.
std::vector<Samples> Trainer::draw(std::int64_t step, Mesh finest) {
  const Scope scope("samples");
  const NoGradGuard no_grad;
  std::vector<Samples> levels;
  for (const Draw& draw : draws_of(step)) {
    Samples samples = source_.draw(draw);
    TELESCOPE_CHECK(samples.size() == draw.count, "samples", "asked for {}, got {}", draw.count,
                    samples.size());
    std::vector<std::int64_t> ids(static_cast<std::size_t>(draw.count));
    for (std::size_t i = 0; i < ids.size(); ++i) {
      ids[i] = (std::int64_t{draw.level.level} << 40) + static_cast<std::int64_t>(i);
    }
    samples.ids = Tensor::from(ids, {draw.count});
    for (int l = 0; l < finest.level; ++l) samples = restrict(samples, options_.restriction);
    levels.push_back(std::move(samples));
  }
  return levels;
}

std::vector<MeshReport> Trainer::estimate(const std::vector<Samples>& levels, Mesh finest) {
  const std::int64_t step = state_.steps;
  if (options_.measure_every > 0 && step % options_.measure_every == 0) {
    return estimator_.measured(levels, finest, step, parameters_, options_.micro_batches);
  }
  return options_.paired ? estimator_.paired(levels, finest, step)
                         : estimator_.merged(levels, finest, step);
}

StepReport Trainer::step() {
  TELESCOPE_CHECK(!done(), "trainer", "all {} steps of '{}' are done", schedule_.steps(),
                  schedule_.name);
  const double start = now_seconds();
  const std::int64_t flop_before = work_done().flop, step = state_.steps;
  const Stage& stage = schedule_.stage_at(step);
  const Mesh finest = mesh_of(stage, step);
  if (step + 1 < schedule_.steps()) {
    for (const Draw& next : draws_of(step + 1)) source_.prepare(next);
  }

  const auto levels = draw(step, finest);
  parameters_.zero_gradients();
  StepReport report{.step = step, .learning_rate = rate_.at(step)};
  report.meshes = estimate(levels, finest);
  for (const MeshReport& mesh : report.meshes) {
    if (!std::isfinite(mesh.loss) || !std::isfinite(mesh.difference)) {
      const bool fine = !std::isfinite(mesh.loss);  // or the coarse side of the difference
      raise_failure("train",
                    "the loss of step {} on {} is {}, expected a finite number; the parameters of "
                    "the step before are kept; a smaller learning rate may help",
                    step + 1, (fine ? mesh.mesh : mesh.mesh.coarser()).str(),
                    fine ? mesh.loss : mesh.loss - mesh.difference);
    }
    report.images += mesh.samples;
  }
  report.loss = report.meshes.front().loss;
  {
    const Scope scope("optimizer");
    optimizer_.step(report.learning_rate);
  }

  report.seconds = now_seconds() - start;
  state_.steps = step + 1;
  state_.seconds += report.seconds;
  state_.images += report.images;
  state_.flop += work_done().flop - flop_before;
  state_.work_units += stage.combination == Combination::random_mesh
                           ? static_cast<double>(report.images) * finest.cost()
                           : work_units_per_step(stage);
  return report;
}

}  // namespace telescope
