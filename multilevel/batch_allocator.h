// SPDX-License-Identifier: MIT
// Batches that follow what a training run measures.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "multilevel/allocation.h"

namespace telescope {

/// Where the batches of a step come from.
enum class Allocation {
  planned,  ///< the schedule
  optimal,  ///< optimal_plan() for what the first steps of each stage measured
  adaptive  ///< the same, measured and planned anew as training goes on
};

struct AllocationOptions {
  Allocation kind = Allocation::planned;
  /// So many steps of each stage are taken with its own plan, and measured.
  std::int64_t pilot = 5;
  std::int64_t measure_every = 10;  ///< adaptive: steps between measurements after the pilot
  std::int64_t change_every = 20;   ///< adaptive: steps between changes of the plan after the pilot
  /// Variances are means over the measurements of a stage, exponential ones from this many on.
  std::int64_t memory = 10;
  /// A plan costs no more than the stage's own plan, what measuring it takes included: in work
  /// units, or in seconds, the least that a sample of each level took. Those are never twice the
  /// same, and neither is then a run.
  bool seconds = false;
};

/// What a run has measured in its stage and made of it; part of a checkpoint.
struct AllocationState {
  std::vector<std::int64_t> batches;  ///< of the next step; empty: those of the stage's own plan
  std::vector<double> variances;      ///< of each level: running means
  std::vector<double> costs;          ///< of each level: least seconds a sample, if they count
  std::int64_t measurements = 0;
};

/// Plans the batches of the steps of a schedule, for stages with more than one level:
///   for every step:  plan(step);  advance(step + 1);  if (measures(step)) observe(reports);
/// The plan of a step is made before the step ahead of it is measured, when its samples begin to be
/// loaded. It changes only `pilot` + 1 steps into a stage and every `change_every` steps, and only
/// where variance times cost falls by a twentieth: every set of batches is a step graph of its own.
class BatchAllocator {
 public:
  /// Error as of check(). The schedule must outlive the allocator.
  BatchAllocator(const Schedule& schedule, const AllocationOptions& options);
  /// Error unless the numbers are at least 1, or if a stage draws levels by chance and its batches
  /// are to be anything but planned.
  static void check(const Schedule& schedule, const AllocationOptions& options);

  /// The batches of `step`, for which advance() or restore() was called last. A step that measures
  /// has at least two samples of every level, for one has no variance; where the plan has one, such
  /// a step costs more than others.
  BatchPlan plan(std::int64_t step) const;
  /// What a run may cost in all, if plans go by work units: the schedule, and what measuring its own
  /// plan takes beyond it.
  double most_work_units() const;
  /// Whether `step` should be measured: not where no change of its stage can follow.
  bool measures(std::int64_t step) const;
  /// Takes note of the variances, and the seconds if they count.
  void observe(const std::vector<MeshReport>& meshes);
  /// Goes on to `step`; a stage begins with its own plan and nothing measured.
  void advance(std::int64_t step);

  const AllocationState& state() const { return state_; }
  /// Goes on from a state that was saved before `step`. Error unless it fits the stage.
  void restore(const AllocationState& state, std::int64_t step);

 private:
  bool allocates(const Stage& stage) const;
  std::int64_t next_change(std::int64_t at) const;
  BatchPlan current(const Stage& stage) const;
  double cost_of_measuring(const BatchPlan& plan, std::span<const double> costs) const;
  BatchPlan best_plan(const Stage& stage, std::span<const double> costs) const;
  void change(const Stage& stage);

  const Schedule& schedule_;
  AllocationOptions options_;
  AllocationState state_;
};

}  // namespace telescope
