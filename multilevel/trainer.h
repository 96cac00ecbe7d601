// SPDX-License-Identifier: MIT
// The one training loop: runs any Schedule on any network, loss and source of samples.
#pragma once

#include <functional>
#include <memory>

#include "layers/learning_rate.h"
#include "layers/optimizer.h"
#include "multilevel/estimator.h"
#include "multilevel/schedule.h"

namespace telescope {

struct TrainerOptions {
  std::uint64_t seed = 0;
  Restriction restriction = Restriction::injection;
  /// Paired passes rather than one per mesh; for networks that mix the samples of a batch.
  bool paired = false;
  /// Every so many steps the gradient is taken in micro-batches, which gives norm and variance of
  /// every level's term; 0: never.
  std::int64_t measure_every = 0;
  std::int64_t micro_batches = 4;
};

/// What one step did.
struct StepReport {
  std::int64_t step = 0;  ///< counted from 0 over all stages
  double loss = 0;        ///< on the finest mesh of the step
  double learning_rate = 0;
  double seconds = 0;       ///< of this step
  std::int64_t images = 0;  ///< fresh samples drawn
  std::vector<MeshReport> meshes;
};

/// How far a run has come; what a checkpoint holds beside parameters and moments.
struct TrainerState {
  std::int64_t steps = 0;
  double work_units = 0, seconds = 0;
  std::int64_t images = 0, flop = 0;
};

/// Takes the steps of a schedule, one at a time:
///   Trainer trainer(parameters, optimizer, loss, source, schedule, rate, options);
///   while (!trainer.done()) trainer.step();
/// Validation, logging and checkpoints are the caller's, between steps, and no training time.
class Trainer {
 public:
  /// All references must outlive the trainer.
  Trainer(ParameterBuffer& parameters, Optimizer& optimizer, SampleLoss loss, SampleSource& source,
          Schedule schedule, LearningRate rate, const TrainerOptions& options = {});

  bool done() const { return state_.steps >= schedule_.steps(); }
  /// One optimizer step. Failure if the loss is not a finite number: then the parameters are those
  /// of the step before.
  StepReport step();

  const Schedule& schedule() const { return schedule_; }
  const TrainerState& state() const { return state_; }
  /// Continues from a checkpoint; parameters and optimizer are restored by the caller.
  void resume(const TrainerState& state);

 private:
  std::vector<Draw> draws_of(std::int64_t step) const;
  Mesh mesh_of(const Stage& stage, std::int64_t step) const;
  std::vector<Samples> draw(std::int64_t step, Mesh finest);
  std::vector<MeshReport> estimate(const std::vector<Samples>& levels, Mesh finest);

  ParameterBuffer& parameters_;
  Optimizer& optimizer_;
  SampleSource& source_;
  Schedule schedule_;
  LearningRate rate_;
  TrainerOptions options_;
  Estimator estimator_;
  TrainerState state_;
};

}  // namespace telescope
