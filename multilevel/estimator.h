// SPDX-License-Identifier: MIT
// Multiscale Gradient Estimation (arXiv:2501.12739).
//
//   E[grad f_0] = sum_{l<L} E[grad f_l - grad f_{l+1}] + E[grad f_L]           (telescoping sum)
//   g = sum_{l<L} 1/N_l sum_i (grad f_l(x_i) - grad f_{l+1}(x_i)) + 1/N_L sum_i grad f_L(x_i)
//
// Every level has samples of its own, N_l of them; the two sides of a difference share sample,
// noise and time, for it is the degraded fine image itself that is restricted.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "layers/parameters.h"
#include "multilevel/samples.h"

namespace telescope {

/// What was seen on one mesh in one step.
struct MeshReport {
  Mesh mesh;
  std::int64_t samples = 0;  ///< N_l
  double loss = 0;           ///< mean of f_l over the samples of level l
  double difference = 0;     ///< mean of f_l - f_{l+1} over them; f_L on the coarsest mesh
  std::optional<double> gradient_norm;  ///< of the level's term, where it was measured
  /// Variance of one sample's grad f_l - grad f_{l+1}, summed over parameters, from micro-batches.
  std::optional<double> variance;
  double seconds = 0;     ///< of the passes on this mesh
  std::int64_t flop = 0;  ///< likewise
};

struct EstimatorOptions {
  Restriction restriction = Restriction::injection;
  std::uint64_t seed = 0;  ///< of dropout
};

/// Adds g to the gradients of the parameters. `levels[i]` are the samples of the level on mesh
/// finest + i, given on `finest`; Error if there are none. All three agree up to rounding.
class Estimator {
 public:
  Estimator(SampleLoss loss, EstimatorOptions options)
      : loss_(std::move(loss)), options_(options) {}

  /// One pass per mesh: the coarse side of level l-1 and the fine side of level l live on the same
  /// mesh and go through the network together, weighted -1/N_{l-1} and +1/N_l a sample. L+1 passes.
  /// Needs a network that treats samples independently.
  std::vector<MeshReport> merged(const std::vector<Samples>& levels, Mesh finest,
                                 std::int64_t step) const;
  /// Literally the formula: two passes per difference, 2L+1 in all. For any network.
  std::vector<MeshReport> paired(const std::vector<Samples>& levels, Mesh finest,
                                 std::int64_t step) const;
  /// Paired passes over up to `micro_batches` equal parts of every level's samples, which also give
  /// norm and variance of each level's term. Costs no more samples, only smaller passes.
  std::vector<MeshReport> measured(const std::vector<Samples>& levels, Mesh finest,
                                   std::int64_t step, const ParameterBuffer& parameters,
                                   std::int64_t micro_batches) const;

 private:
  /// g += sum_i weights_i grad f(samples_i); returns the losses.
  Tensor add_gradient(const Samples& samples, const std::vector<double>& weights, Mesh mesh,
                      std::int64_t step) const;

  SampleLoss loss_;
  EstimatorOptions options_;
};

}  // namespace telescope
