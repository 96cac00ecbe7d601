// SPDX-License-Identifier: MIT
// Runs an experiment from where it stands to its end: progress, figures, checkpoints, pictures.
#pragma once

#include "apps/experiment.h"
#include "apps/report.h"
#include "apps/run_folder.h"

namespace telescope::app {

/// Takes all steps that are left, and leaves in the folder a row of metrics.csv for each, and a
/// checkpoint now and then, at the end, after a signal and before a failure is thrown on. Returns
/// the signal that stopped it, 0 if it came to its end.
int run(Experiment& experiment, const RunFolder& folder, bool resumed);

/// What metrics.csv tells of a run that came to its end.
struct RunSummary {
  StrategyRow row;
  Curve training, validation;
  std::vector<MeshRow> meshes;
};
RunSummary summarise(const RunFolder& folder, const Schedule& schedule, std::int64_t size);

/// Degraded, restored and clean validation images, a row each, as PNG.
std::string sample_sheet(const Experiment& experiment, std::int64_t count = 6);

/// Machine, compiler, version, device, threads and date, for a report.
NamedValues environment(const Device& device);
/// The options by their names.
NamedValues configuration(const RunOptions& options);

/// "runs/<subcommand>-<date>-<time>".
std::string default_folder(std::string_view subcommand);

}  // namespace telescope::app
