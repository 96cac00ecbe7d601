// SPDX-License-Identifier: MIT
// What the folder of a run tells once the run is over.
#pragma once

#include <optional>

#include "apps/report.h"
#include "apps/run_folder.h"
#include "multilevel/schedule.h"

namespace telescope::app {

/// How a run of a comparison ended, kept beside its metrics.csv as result.json.
struct RunResult {
  enum class Kind { completed, reached_target, out_of_time, diverged };
  Kind kind = Kind::completed;
  std::int64_t steps = 0;  ///< that were taken
  friend bool operator==(const RunResult&, const RunResult&) = default;
};
void write_result(const RunFolder& folder, const RunResult& result);
/// None if the run did not come to its end: there is no result.json, or metrics.csv has not all of
/// its steps. Error that names the file if it is damaged.
std::optional<RunResult> read_result(const RunFolder& folder);

/// What metrics.csv tells of one run.
struct RunSummary {
  std::uint64_t seed = 0;
  RunResult result = {};
  StrategyRow row;  ///< MSE and PSNR are unmeasured if it diverged
  Curve training, validation;
  std::vector<Curve> gradient_norms, variances;  ///< one for each mesh on which they were measured
  std::vector<MeshRow> meshes;
};
/// `size`: pixels a side on mesh 0.
RunSummary summarise(const RunFolder& folder, const Schedule& schedule, std::int64_t size);

}  // namespace telescope::app
