// SPDX-License-Identifier: MIT
// What the runs of several strategies over several seeds say together: means, spreads, and each
// strategy against a baseline. No input or output here.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "apps/summary.h"

namespace telescope::app {

/// Mean of some numbers and their sample standard deviation, which takes two or more; unmeasured
/// else.
struct Statistics {
  double mean = kUnmeasured, deviation = kUnmeasured;
};
Statistics statistics(const std::vector<double>& values);

/// Where a curve first is at or below `level`: between two validations by linear interpolation.
struct Crossing {
  double work_units = 0, seconds = 0;
  bool at_once = false;  ///< it is so at its first value, and may have been so before
};
std::optional<Crossing> first_crossing(const Curve& curve, double level);

/// The strategies to compare with, in this order: single-scale and single-scale-small, as far as
/// they take part; else the first.
std::vector<std::string> baselines_among(const std::vector<std::string>& strategies);

/// All seeds of one strategy as a line of the table; its remark names what did not go as planned.
/// `targeted`: runs were to reach a loss.
StrategyRow row_of(const std::vector<RunSummary>& seeds, bool targeted = false);

/// What each mesh saw: means over the seeds that came to their end.
std::vector<MeshRow> mesh_rows_of(const std::vector<RunSummary>& seeds);

/// One strategy against another, seed by seed. Seeds that the baseline has not finished are left
/// out; a run that diverged is in no mean, and counts as one that did not reach the loss. Without a
/// target, the loss to reach is what the baseline had at its end with that seed.
Versus compare_runs(const std::vector<RunSummary>& seeds, const std::vector<RunSummary>& baseline,
                    std::optional<double> target = {});

}  // namespace telescope::app
