// SPDX-License-Identifier: MIT
// How much gradients of single samples vary on every mesh, and how much less their differences
// between neighbouring meshes do: what Multiscale Gradient Estimation lives on.
#pragma once

#include "apps/moments.h"
#include "apps/study_findings.h"
#include "apps/study_subject.h"

namespace telescope::app {

/// One mesh: grad f_l, and grad f_l - grad f_{l+1}, which the coarsest mesh has not.
struct MeshVariance {
  VectorStatistics gradient, difference;
};

/// The gradients of samples one by one, on every mesh.
class GradientSampler {
 public:
  /// The network must treat samples independently, and the parameters, f32, outlive the sampler.
  GradientSampler(SampleLoss loss, const EstimatorOptions& options,
                  const ParameterBuffer& parameters, int meshes);
  /// Samples on mesh 0; one evaluation for each of them and each mesh. Overwrites the gradients of
  /// the parameters. `step` is dropout's.
  void add(const Samples& samples, std::int64_t step);
  std::vector<MeshVariance> result() const;

 private:
  Estimator estimator_;
  Coarsening coarsen_;
  const ParameterBuffer& parameters_;
  std::vector<VectorMoments> gradients_, differences_;  // by mesh
};

/// Of fresh samples of the subject, with its parameters as they are.
std::vector<MeshVariance> sample_gradients(const StudySubject& subject, Restriction restriction,
                                           Placement placement, std::int64_t samples);

struct VarianceOptions {
  std::vector<Restriction> restrictions;
  std::vector<Placement> placements;
  std::vector<std::int64_t> steps;  ///< of training, at which it is measured; ascending
  std::int64_t samples = 128;
};

struct VarianceRow {
  std::int64_t step = 0;
  Restriction restriction = Restriction::injection;
  Placement placement = Placement::finest;
  std::vector<MeshVariance> meshes = {};
  /// log2 V against l: V grows as 2^(slope l), which is h^slope.
  LineFit gradient_fit = {}, difference_fit = {};
};

/// Fills in the fits from the meshes.
void fit(VarianceRow& row);

/// A row for each step, placement and restriction, in this order of loops, all from the same samples.
std::vector<VarianceRow> study_variance(StudySubject& subject, const VarianceOptions& options);

/// `meshes` are their names; there are as many in every row.
Findings findings(const std::vector<VarianceRow>& rows, const std::vector<std::string>& meshes);

}  // namespace telescope::app
