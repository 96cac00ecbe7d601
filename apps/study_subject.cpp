// SPDX-License-Identifier: MIT
#include "apps/study_subject.h"

#include <numeric>

namespace telescope::app {

StudySubject::StudySubject(const RunOptions& options, const Machine& machine)
    : pictures_(options), experiment_(options, pictures_, machine) {}

void StudySubject::train_to(std::int64_t steps) {
  Trainer& trainer = experiment_.trainer();
  while (trainer.state().steps < steps) trainer.step();
}

Task StudySubject::task(Placement placement) const {
  return Task(options().task, options().scale, placement);
}

Samples StudySubject::samples(std::int64_t count, Mesh level, std::int64_t round,
                              Placement placement) const {
  const auto step = static_cast<std::uint64_t>(round);
  const Crops crops = pictures_.training()
                          .batch(count, {options().seed, "study/crops/" + level.str(), step})
                          .to(device());
  const Task how = task(placement);
  Samples samples = how.with_partners(
      how.degrade(crops.clean, {options().seed, "study/noise/" + level.str(), step}), crops.low);
  // Names that no training sample has, so that dropout's masks are none of the training's either.
  std::vector<std::int64_t> ids(static_cast<std::size_t>(count));
  std::iota(ids.begin(), ids.end(), (std::int64_t{level.level} << 40) + (std::int64_t{1} << 39));
  samples.ids = Tensor::from(ids, {count}).to(device());
  return samples;
}

EstimatorOptions StudySubject::estimator_options(Restriction restriction,
                                                 Placement placement) const {
  return {.restriction = restriction,
          .seed = options().seed,
          .coarsen = task(placement).coarsening(restriction)};
}

std::vector<std::string> mesh_names(const RunOptions& options) {
  std::vector<std::string> names;
  for (int l = 0; l < options.levels; ++l) {
    names.push_back(fmt::format("{}²", options.size / Mesh{l}.spacing()));
  }
  return names;
}

}  // namespace telescope::app
