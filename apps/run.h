// SPDX-License-Identifier: MIT
// Runs an experiment from where it stands to its end: progress, figures, checkpoints, pictures.
#pragma once

#include <limits>

#include "apps/experiment.h"
#include "apps/report.h"
#include "apps/run_folder.h"

namespace telescope::app {

/// What ends a run before its last step.
struct Limits {
  double seconds = std::numeric_limits<double>::infinity();  ///< of training
  double target = -std::numeric_limits<double>::infinity();  ///< validation MSE, or below
};

/// How a run ended. `interrupted` can be continued; after the others there is no more to do.
enum class Ending { completed, reached_target, out_of_time, interrupted };
struct RunEnd {
  Ending ending = Ending::completed;
  int signal = 0;  ///< that asked to stop meanwhile
};

/// Takes the steps that are left, and leaves in the folder a row of metrics.csv for each, and a
/// checkpoint now and then, at the end, after a signal and before a failure is thrown on. A run that
/// is out of time is validated where it stopped. Diverged as of the trainer.
RunEnd run(Experiment& experiment, const RunFolder& folder, bool resumed,
           const Limits& limits = {});

/// The name of a mesh's column of metrics.csv: "mesh2_variance".
std::string mesh_column(int mesh, const char* name);

/// Degraded, restored and clean validation images, a row each, as PNG.
std::string sample_sheet(const Experiment& experiment, std::int64_t count = 6);

/// Machine, compiler, version, device, threads and date, for a report.
NamedValues environment(const Device& device);
/// The options by their names.
NamedValues configuration(const RunOptions& options);

/// "runs/<subcommand>-<date>-<time>".
std::string default_folder(std::string_view subcommand);

}  // namespace telescope::app
