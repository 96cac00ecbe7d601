// SPDX-License-Identifier: MIT
// The one training loop: runs any Schedule on any network, loss and source of samples.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <utility>

#include "core/host_copy.h"
#include "layers/learning_rate.h"
#include "layers/optimizer.h"
#include "multilevel/batch_allocator.h"
#include "multilevel/estimator.h"
#include "multilevel/schedule.h"
#include "multilevel/step_graphs.h"

namespace telescope {

struct TrainerOptions {
  std::uint64_t seed = 0;
  Restriction restriction = Restriction::injection;
  /// How samples come to the next coarser mesh; default: coarsening(restriction).
  Coarsening coarsen = {};
  /// Paired passes rather than one per mesh; for networks that mix the samples of a batch.
  bool paired = false;
  /// Every so many steps the gradient is taken in micro-batches, which gives norm and variance of
  /// every level's term; 0: never.
  std::int64_t measure_every = 0;
  std::int64_t micro_batches = 4;
  /// Optimal and adaptive batches measure by themselves, whatever measure_every says.
  AllocationOptions allocation = {};
  /// On a device that has graphs a step is recorded once for each set of shapes, and replayed. Then
  /// network and loss are called while recording only: what they do must be the same in every step.
  bool graphs = true;
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

/// The loss of a step was not a finite number.
class Diverged : public Failure {
 public:
  using Failure::Failure;
};

/// How far a run has come; what a checkpoint holds beside parameters and moments.
struct TrainerState {
  std::int64_t steps = 0;
  double work_units = 0, seconds = 0;
  std::int64_t images = 0, flop = 0;
  AllocationState allocation = {};
};

/// Takes the steps of a schedule, one at a time:
///   Trainer trainer(parameters, optimizer, loss, source, schedule, rate, options);
///   while (!trainer.done()) trainer.step();
/// Validation, logging and checkpoints are the caller's, between steps, and no training time.
///
/// A device that works by itself is kept busy by starting the next step before the last is read:
///   trainer.start_step();
///   while (!trainer.done()) {
///     if (trainer.can_start()) trainer.start_step();
///     report(trainer.finish_step());
///   }
/// Parameters and optimizer may be looked at while no step is in flight.
class Trainer {
 public:
  /// All references must outlive the trainer.
  Trainer(ParameterBuffer& parameters, Optimizer& optimizer, SampleLoss loss, SampleSource& source,
          Schedule schedule, LearningRate rate, const TrainerOptions& options = {});
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  bool done() const { return state_.steps >= schedule_.steps(); }
  /// One optimizer step. Diverged if the loss is not a finite number: then parameters, optimizer and
  /// state() are those of the step before, and steps in flight are given up.
  StepReport step();

  /// Gives the next step to the device, without waiting for it. If it throws, parameters and
  /// optimizer are those of the steps before, which stay in flight.
  void start_step();
  /// Whether there is a step that was not started.
  bool can_start() const { return started_ < schedule_.steps(); }
  std::int64_t in_flight() const { return static_cast<std::int64_t>(running_.size()); }
  /// Waits for the oldest step in flight, which state() counts from then on. Failure as of step().
  StepReport finish_step();

  const Schedule& schedule() const { return schedule_; }
  const TrainerState& state() const { return state_; }
  /// Continues from a checkpoint; parameters and optimizer are restored by the caller.
  void resume(const TrainerState& state);

 private:
  // What one step draws, from its finest mesh on, and what that is of the sum.
  struct StepPlan {
    Mesh finest;
    BatchPlan batches;
    Terms terms;
    std::vector<std::int64_t> name;  // of its stage with the batches it has, for step graphs

    double work_units() const;
  };
  struct Running {
    StepReport report;
    Estimate estimate;
    HostCopy losses;
    double start = 0, work_units = 0;
    std::int64_t flop = 0, optimizer_steps_before = 0;
    AllocationState allocation_before;
  };

  int drawn_level(const Stage& stage, std::int64_t step) const;
  StepPlan plan_of(std::int64_t step) const;
  static std::vector<Draw> draws_of(const StepPlan& plan, std::int64_t step);
  std::vector<Samples> draw(const StepPlan& plan, std::int64_t step);
  Tensor ids(const Draw& draw, const Device& device);
  bool measures(std::int64_t step) const;
  Estimate estimate(const std::vector<Samples>& levels, const StepPlan& plan);
  Estimate estimate_and_apply(const std::vector<Samples>& levels, const StepPlan& plan);
  void launch_step();
  [[noreturn]] void give_up(const Running& failed, const MeshReport& at);

  ParameterBuffer& parameters_;
  Optimizer& optimizer_;
  SampleSource& source_;
  Schedule schedule_;
  LearningRate rate_;
  TrainerOptions options_;
  Coarsening coarsen_;
  Tensor device_step_;  // number of the step on the device, i64 [1]; undefined on the CPU
  Estimator estimator_;
  BatchAllocator allocator_;
  TrainerState state_;
  StepGraphs graphs_;
  std::deque<Running> running_;
  std::int64_t started_ = 0;  // steps, as state_.steps counts those that are finished
  double last_finish_ = 0;    // in now_seconds()
  std::map<std::pair<int, std::int64_t>, Tensor> ids_;  // by (level, count), on the device
};

}  // namespace telescope
