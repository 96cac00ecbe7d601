// SPDX-License-Identifier: MIT
// The network whose gradients are studied, at initialisation and along a short training with MGE.
#pragma once

#include <vector>

#include "apps/experiment.h"
#include "multilevel/estimator.h"

namespace telescope::app {

class StudySubject {
 public:
  /// `options` as for a run, resolved. Weights and training are those of `telescope train` with the
  /// same options.
  StudySubject(const RunOptions& options, const Machine& machine);

  /// Takes training steps until so many are done; they are never taken back.
  void train_to(std::int64_t steps);
  /// Fresh degraded samples on mesh 0, for a level: drawn from the training pictures, but not those
  /// of any training step. Another round gives others, and is to be dropout's step; another
  /// placement gives the same, with what it needs on coarser meshes.
  Samples samples(std::int64_t count, Mesh level, std::int64_t round, Placement placement) const;
  /// For an estimator whose samples come to coarser meshes in this way.
  EstimatorOptions estimator_options(Restriction restriction, Placement placement) const;
  SampleLoss loss() const { return experiment_.loss(); }

  const RunOptions& options() const { return experiment_.options(); }
  const ParameterBuffer& parameters() const { return experiment_.parameters(); }
  int meshes() const { return static_cast<int>(options().levels); }
  std::int64_t size(Mesh mesh) const { return options().size / mesh.spacing(); }
  const Device& device() const { return experiment_.device(); }

 private:
  Task task(Placement placement) const;

  Pictures pictures_;
  Experiment experiment_;
};

/// "64²", "32²", ...: what a chart calls its meshes.
std::vector<std::string> mesh_names(const RunOptions& options);

}  // namespace telescope::app
