// SPDX-License-Identifier: MIT
// What one estimation of the gradient saw, read back when the device is done with it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/event.h"
#include "core/tensor.h"
#include "multilevel/mesh.h"

namespace telescope {

/// What was seen on one mesh in one step.
struct MeshReport {
  Mesh mesh;
  std::int64_t samples = 0;  ///< N_l
  double loss = 0;           ///< mean of f_l over the samples of level l
  double difference = 0;     ///< mean of f_l - f_{l+1} over them; f_L on the coarsest mesh
  /// Of the level's term, the mean over its N_l samples, where it was measured. It is that of this
  /// step, not of the expectation: E|g_l|^2 = |E g_l|^2 + V_l / N_l.
  std::optional<double> gradient_norm;
  /// Variance of one sample's grad f_l - grad f_{l+1}, summed over parameters, from micro-batches.
  std::optional<double> variance;
  /// Of the passes on this mesh, and of coarse sides on a mesh that has no level of its own; none
  /// for a pass inside a replayed graph, which has no time of its own.
  std::optional<double> seconds;
  std::int64_t flop = 0;  ///< of the same passes
};

/// Losses and times that may still be on their way. Building it waits for nothing.
class Estimate {
 public:
  Estimate() = default;
  explicit Estimate(std::vector<MeshReport> reports) : reports_(std::move(reports)) {}

  /// The losses [n] of samples of level `level`, whose mean times `share` counts for its loss and
  /// its difference (fine side), or is taken off its difference (coarse side).
  enum class Side { fine, coarse };
  void add_losses(const Tensor& losses, std::size_t level, Side side, double share = 1);
  /// A pass on the mesh of level `level` began and ended.
  void add_time(std::size_t level, Event start, Event end);
  /// Puts all losses into one tensor on their device. Afterwards nothing more can be added.
  void close();

  MeshReport& report(std::size_t level) { return reports_[level]; }
  std::size_t levels() const { return reports_.size(); }
  /// All losses, f64 [n], as close() put them together.
  const Tensor& losses() const { return packed_; }
  /// Leaves out the times, which belong to another run of the same passes.
  void forget_times() { times_.clear(); }

  /// The reports, with losses() as they are, or were in `losses`; waits for the device.
  std::vector<MeshReport> reports() const { return reports(packed_.to_vector<double>()); }
  std::vector<MeshReport> reports(const std::vector<double>& losses) const;

 private:
  struct Part {
    std::size_t level;
    Side side;
    double share;
    std::size_t count;
  };
  struct Time {
    std::size_t level;
    Event start, end;
  };
  std::vector<MeshReport> reports_;
  std::vector<Part> parts_;
  std::vector<Time> times_;
  std::vector<Tensor> losses_;
  Tensor packed_;
};

}  // namespace telescope
