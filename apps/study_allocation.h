// SPDX-License-Identifier: MIT
// What the variance of an estimated gradient is for several ways to spend the same work on the
// levels: as predicted from the variances of single samples, and as seen when it is estimated again
// and again.
#pragma once

#include <span>

#include "apps/moments.h"
#include "apps/study_findings.h"
#include "apps/study_subject.h"
#include "multilevel/schedule.h"

namespace telescope::app {

struct AllocationStudyOptions {
  Restriction restriction = Restriction::injection;
  Placement placement = Placement::finest;
  std::vector<std::int64_t> steps;  ///< of training, at which it is measured; ascending
  std::int64_t samples = 128;       ///< for the variance of every level
  std::int64_t repeats = 64;        ///< estimates of the gradient by every plan
  double budget = 0;                ///< work units of one estimate
};

/// One sample's term of a level: grad f_l - grad f_{l+1}, or grad f_L.
struct LevelFigures {
  std::int64_t step = 0;
  int level = 0;
  VectorStatistics term = {};
  double work_units = 0, seconds = 0;
};

struct PlanFigures {
  std::int64_t step = 0;
  std::string name = {};
  BatchPlan batches;      ///< of single scale only that of mesh 0
  double work_units = 0;  ///< of one estimate
  double seconds = 0;     ///< of its passes, the least
  /// V = sum_l V_l / N_l, and its standard error.
  double predicted = 0, predicted_error = 0;
  VectorStatistics observed = {};  ///< of the estimates
};

/// Fills in what is predicted from the terms of a plan's levels. All of them were measured with the
/// same samples, and err together: the standard error is that of the sums over levels, which every
/// group of samples has one of. Error as of predicted_variance().
void predict(PlanFigures& plan, std::span<const VectorStatistics> terms);

struct AllocationFigures {
  std::vector<LevelFigures> levels = {};
  std::vector<PlanFigures> plans = {};
};

/// Single scale, batches that double and that grow by 4 a mesh, and N_l in proportion to
/// sqrt(V_l / C_l) for work units and for measured seconds, each as large as the budget allows, but
/// with one sample of every level at least. Error if the budget is less than one sample of each.
AllocationFigures study_allocation(StudySubject& subject, const AllocationStudyOptions& options);

/// `meshes` are their names.
Findings findings(const AllocationFigures& figures, const std::vector<std::string>& meshes);

}  // namespace telescope::app
