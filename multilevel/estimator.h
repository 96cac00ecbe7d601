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
#include <map>
#include <tuple>
#include <vector>

#include "layers/parameters.h"
#include "multilevel/estimate.h"
#include "multilevel/samples.h"

namespace telescope {

struct EstimatorOptions {
  Restriction restriction = Restriction::injection;
  std::uint64_t seed = 0;  ///< of dropout
  /// i64 [1] on the device of the samples: where it is defined, dropout reads the step from it, so
  /// that a recorded pass is replayed with the masks of another step.
  Tensor device_step = {};
  /// How samples come to the next coarser mesh; default: coarsening(restriction).
  Coarsening coarsen = {};
};

/// Which part of the sum the levels are that an estimator is given; by default all of it.
struct Terms {
  /// The last level is a difference as well: the meshes go on below it.
  bool last_is_difference = false;
  double weight = 1;  ///< of all terms: 1/p for one that is drawn with probability p
};

/// Adds g to the gradients of the parameters. `levels[i]` are the samples of the level on mesh
/// finest + i, given on `finest`; Error if there are none. All three agree up to rounding. The first
/// two wait for nothing on their device and may be recorded into a Graph, once they have run.
class Estimator {
 public:
  Estimator(SampleLoss loss, EstimatorOptions options);

  /// One pass per mesh: the coarse side of level l-1 and the fine side of level l live on the same
  /// mesh and go through the network together, weighted -1/N_{l-1} and +1/N_l a sample. L+1 passes.
  /// Needs a network that treats samples independently.
  Estimate merged(const std::vector<Samples>& levels, Mesh finest, std::int64_t step,
                  const Terms& terms = {}) const;
  /// Literally the formula: two passes per difference, 2L+1 in all. For any network.
  Estimate paired(const std::vector<Samples>& levels, Mesh finest, std::int64_t step,
                  const Terms& terms = {}) const;
  /// Paired passes over up to `micro_batches` parts of every level's samples, as equal as they can
  /// be, which also give norm and variance of each level's term, unweighted; one sample has no
  /// variance. Costs no more samples, only smaller passes.
  Estimate measured(const std::vector<Samples>& levels, Mesh finest, std::int64_t step,
                    const ParameterBuffer& parameters, std::int64_t micro_batches,
                    const Terms& terms = {}) const;

 private:
  /// g += weight * (`carried` samples weighted -1/carried and the others +1/(size - carried)), all
  /// of one mesh; returns their losses.
  Tensor add_gradient(const Samples& samples, std::int64_t carried, Mesh mesh, std::int64_t step,
                      double weight) const;
  const Tensor& weights(std::int64_t carried, std::int64_t n, double weight,
                        const Tensor& like) const;

  SampleLoss loss_;
  EstimatorOptions options_;
  // By (carried, n, weight); kept on the device, where a recorded pass finds them again.
  mutable std::map<std::tuple<std::int64_t, std::int64_t, double>, Tensor> weights_;
};

}  // namespace telescope
