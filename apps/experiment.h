// SPDX-License-Identifier: MIT
// One network, one schedule, one run: training, validation and checkpoints.
#pragma once

#include <filesystem>
#include <memory>

#include "apps/network.h"
#include "apps/pictures.h"
#include "apps/quality.h"
#include "apps/task.h"
#include "multilevel/trainer.h"

namespace telescope::app {

class Experiment {
 public:
  /// `pictures` is shared by the runs of a comparison, and must outlive the experiment.
  Experiment(const RunOptions& options, const Pictures& pictures, const Machine& machine = {});

  Trainer& trainer() { return *trainer_; }
  const Trainer& trainer() const { return *trainer_; }
  const RunOptions& options() const { return options_; }
  const Device& device() const { return device_; }
  const ParameterBuffer& parameters() const { return *parameters_; }
  /// What is trained on. It refers to the network of this experiment, which must outlive it.
  SampleLoss loss() const;
  /// Means on mesh 0, over the fixed validation set with its fixed noise; no training time.
  Quality validate() const;
  /// The network's output for the first `count` validation samples, and what it saw.
  Samples restored(std::int64_t count, Tensor& output) const;

  /// Weights alone, by the names and in the layouts of the reference code's state_dict.
  void save_weights(const std::filesystem::path& path) const;
  /// Weights, moments and progress: all that another process needs to continue to the same bits.
  void save_checkpoint(const std::filesystem::path& path) const;
  /// Error that names the file if it is damaged or belongs to another network.
  void load_checkpoint(const std::filesystem::path& path);

 private:
  class Source;

  RunOptions options_;
  Device device_;
  Task task_;
  Samples validation_;  // on the device
  Network network_;
  std::unique_ptr<ParameterBuffer> parameters_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<SampleSource> source_;
  std::unique_ptr<Trainer> trainer_;
};

/// The task that the options name.
Task task_of(const RunOptions& options);
/// Where the options have batches come from.
AllocationOptions allocation_of(const RunOptions& options);
/// The schedule that the options ask for.
Schedule schedule_of(const RunOptions& options);

}  // namespace telescope::app
