// SPDX-License-Identifier: MIT
// The pictures of a run: what is trained on, and what it is validated on.
#pragma once

#include <memory>

#include "apps/dataset.h"
#include "apps/loader.h"
#include "apps/options.h"
#include "apps/task.h"
#include "multilevel/samples.h"

namespace telescope::app {

/// Error unless a set of pairs has low halves that the task enlarges by as much, or not at all.
void check_scale(const Dataset& set, const Task& task);

/// Opened once and shared by the runs of a comparison.
class Pictures {
 public:
  /// Error if there is nothing to train or to validate on.
  explicit Pictures(const RunOptions& options, const Log& log = log_to_stderr);

  const CropSource& training() const { return *training_; }
  /// Degraded middles of the validation pictures, each four times (Task::degrade_evenly); the same for
  /// every run and every seed.
  const Samples& validation() const { return validation_; }
  /// One line for each set.
  const std::string& description() const { return description_; }

 private:
  std::unique_ptr<CropSource> training_;
  Samples validation_;
  std::string description_;
};

}  // namespace telescope::app
