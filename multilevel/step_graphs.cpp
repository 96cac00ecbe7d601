// SPDX-License-Identifier: MIT
#include "multilevel/step_graphs.h"

#include "core/memory.h"

namespace telescope {
namespace {

void append(std::vector<std::int64_t>& key, const Tensor& tensor) {
  if (!tensor.defined()) return key.push_back(-1);
  key.push_back(tensor.rank());
  for (int i = 0; i < tensor.rank(); ++i) key.push_back(tensor.extent(i));
}

std::vector<std::int64_t> shapes_of(const std::vector<Samples>& levels, Mesh finest) {
  std::vector<std::int64_t> key{finest.level};
  for (const Samples& samples : levels) {
    for (const Tensor& tensor :
         {samples.input, samples.target, samples.time, samples.noise, samples.mask}) {
      append(key, tensor);
    }
  }
  return key;
}

Tensor copy_of(const Tensor& tensor) { return tensor.defined() ? tensor.clone() : Tensor(); }

Samples copy_of(const Samples& samples) {
  return {copy_of(samples.input), copy_of(samples.target), copy_of(samples.time),
          copy_of(samples.ids),   copy_of(samples.noise),  copy_of(samples.mask)};
}

void overwrite(const Tensor& to, const Tensor& from) {
  if (to.defined()) to.copy_from(from);
}

void overwrite(const Samples& to, const Samples& from) {
  overwrite(to.input, from.input);
  overwrite(to.target, from.target);
  overwrite(to.time, from.time);
  overwrite(to.ids, from.ids);
  overwrite(to.noise, from.noise);
  overwrite(to.mask, from.mask);
}

}  // namespace

Estimate StepGraphs::run(const std::vector<std::int64_t>& plan, const std::vector<Samples>& levels,
                         Mesh finest, const Step& step) {
  if (plan != plan_) {
    levels.front().input.stream().synchronize();  // which may be replaying one of them
    recorded_.clear();
  }
  plan_ = plan;
  const auto [entry, fresh] = recorded_.try_emplace(shapes_of(levels, finest));
  if (fresh) {
    try {
      return step(levels);
    } catch (...) {
      recorded_.erase(entry);  // which may have left caches empty
      throw;
    }
  }

  Recorded& recorded = entry->second;
  if (!recorded.graph) {
    const Device device = levels.front().input.device();
    recorded.inputs.clear();  // of a recording that failed
    for (const Samples& samples : levels) recorded.inputs.push_back(copy_of(samples));
    release_cached_memory(device);  // which the graph will want for itself
    recorded.graph =
        std::make_unique<Graph>(device, [&] { recorded.estimate = step(recorded.inputs); });
  } else {
    for (std::size_t l = 0; l < levels.size(); ++l) overwrite(recorded.inputs[l], levels[l]);
  }
  recorded.graph->replay();
  Estimate estimate = recorded.estimate;  // whose events the graph will record again
  estimate.forget_times();
  return estimate;
}

}  // namespace telescope
