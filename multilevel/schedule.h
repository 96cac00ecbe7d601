// SPDX-License-Identifier: MIT
// What is trained on which mesh, with how many samples, for how many steps; and what it costs.
//
// Single scale, MGE and Full-Multiscale (arXiv:2501.12739) are values of one type, Schedule, run by
// one Trainer. A new strategy is a new function that returns a Schedule.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "multilevel/mesh.h"

namespace telescope {

/// N_l, the number of fresh samples of each level, from the finest mesh of a stage to the coarsest.
class BatchPlan {
 public:
  /// Error unless there is at least one level and every batch is at least 1.
  explicit BatchPlan(std::vector<std::int64_t> batches);
  /// N_l = first * growth^l for `levels` levels; the paper doubles with every coarsening.
  static BatchPlan geometric(std::int64_t first, int levels, std::int64_t growth = 2);

  int levels() const { return static_cast<int>(batches_.size()); }
  /// Error if there is no such level, as in from().
  std::int64_t operator[](int level) const;
  std::int64_t samples() const;  ///< of all levels
  const std::vector<std::int64_t>& batches() const { return batches_; }
  /// The plan without its finest `level` levels.
  BatchPlan from(int level) const;
  /// The plan with every batch of less than n raised to n.
  BatchPlan at_least(std::int64_t n) const;
  std::string str() const;  ///< "16,32,64,128"
  friend bool operator==(const BatchPlan&, const BatchPlan&) = default;

 private:
  void check_level(int level) const;
  std::vector<std::int64_t> batches_;
};

/// How the levels of a step make one gradient.
enum class Combination {
  telescoping,  ///< sum over levels of mean(grad f_l - grad f_{l+1}), and mean(grad f_L): MGE
  random_mesh,  ///< mean(grad f_l) of one level l, drawn anew every step
  /// One term of the telescoping sum, drawn anew every step and weighted 1/p_l: as unbiased as all.
  random_term
};

struct Stage {
  Mesh finest;
  BatchPlan plan;  ///< plan[0] on `finest`, plan[1] on the next coarser mesh, ...
  std::int64_t steps = 0;
  Combination combination = Combination::telescoping;
  /// p_l, where a level is drawn; default: all alike. Positive and of sum 1.
  std::vector<double> probabilities = {};

  Mesh mesh(int level) const { return {finest.level + level}; }
  Mesh coarsest() const { return mesh(plan.levels() - 1); }
  double probability(int level) const;
};

struct Schedule {
  std::string name;
  std::vector<Stage> stages;

  std::int64_t steps() const;
  /// The coarsest mesh of any stage, as a number of meshes from mesh 0 on.
  int meshes() const;
  /// Stage of a step (counted over all stages).
  const Stage& stage_at(std::int64_t step) const;
  /// The same step, counted from the first of its stage.
  std::int64_t step_of_stage(std::int64_t step) const;
};

/// Work units, images on mesh 0 through the network, of one sample of each level: 4^-l, and for a
/// difference 4^-(l+1) more for its coarse side.
std::vector<double> level_costs(Mesh finest, int levels);
/// Work units of one step with this plan, whose coarsest level is no difference.
double work_units(const BatchPlan& plan, Mesh finest = {});
/// Of one step of a stage. Where a level is drawn: its mean.
double work_units_per_step(const Stage& stage);
double work_units(const Schedule& schedule);

/// `batch` images on mesh 0 a step.
Schedule single_scale(std::int64_t batch, std::int64_t steps);
/// Multiscale Gradient Estimation on all meshes of `plan`.
Schedule mge(const BatchPlan& plan, std::int64_t steps);
/// Stages from the coarsest mesh to the finest, each with MGE on its mesh and those below, each
/// with half the steps (rounded up) of the stage before. `steps` are those of the first stage.
Schedule full_multiscale(const BatchPlan& plan, std::int64_t steps);
/// The stages of Full-Multiscale without corrections: plan[l] images on mesh l alone.
Schedule progressive_resizing(const BatchPlan& plan, std::int64_t steps);
/// Every step on one mesh, drawn uniformly, with plan[l] images.
Schedule random_resizing(const BatchPlan& plan, std::int64_t steps);

/// Every step one term of MGE (arXiv:2501.12739 with the single-term estimator of Rhee and Glynn,
/// Operations Research 63(5), 2015): plan[l] samples of level l, weighted 1/p_l. Nothing being known
/// of the terms' second moments, they are taken as equal: p_l in proportion to 1/sqrt(N_l C_l), see
/// term_probabilities().
Schedule randomised_mge(const BatchPlan& plan, std::int64_t steps);

/// The names that make_schedule knows.
std::span<const std::string_view> strategy_names();
/// By name: "single-scale" takes plan.samples() images a step, the same number as the other
/// strategies; "single-scale-small" takes plan[0]. Error that lists the names.
Schedule make_schedule(std::string_view name, const BatchPlan& plan, std::int64_t steps);

}  // namespace telescope
