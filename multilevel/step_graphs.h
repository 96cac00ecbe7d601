// SPDX-License-Identifier: MIT
// Training steps as graphs: one for each set of shapes.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "core/graph.h"
#include "multilevel/estimate.h"
#include "multilevel/samples.h"

namespace telescope {

/// Records what a step does with its samples the second time it sees their shapes, and replays it
/// from then on. The first time runs as it is: it fills the caches that a recording must find full.
class StepGraphs {
 public:
  using Step = std::function<Estimate(const std::vector<Samples>&)>;

  /// The estimate of `step` on these samples; without times if it was replayed. `plan` names the
  /// stage and its batches: graphs of another, whose shapes do not come back, are let go.
  Estimate run(const std::vector<std::int64_t>& plan, const std::vector<Samples>& levels,
               Mesh finest, const Step& step);

 private:
  struct Recorded {
    std::vector<Samples> inputs;  // where the graph reads its samples
    Estimate estimate;
    std::unique_ptr<Graph> graph;
  };
  std::vector<std::int64_t> plan_;
  std::map<std::vector<std::int64_t>, Recorded> recorded_;  // by shapes
};

}  // namespace telescope
