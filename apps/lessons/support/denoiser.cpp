// SPDX-License-Identifier: MIT
#include "apps/lessons/support/denoiser.h"

#include <algorithm>
#include <functional>

#include "apps/builtin.h"

namespace telescope::lessons {
namespace {

constexpr int count = 256, picture = 64, size = 32;

Tensor draw_pictures(std::uint64_t seed) {
  const Tensor pictures = Tensor::empty({count, picture, picture, 3}, DType::u8);
  parallel_for(count, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const auto rgb =
          app::draw_dead_leaves(seed, static_cast<std::uint64_t>(i), picture, picture).rgb;
      std::copy(rgb.begin(), rgb.end(),
                pictures.data<std::uint8_t>() + i * static_cast<std::int64_t>(rgb.size()));
    }
  });
  return pictures;
}

double square_of_mean(const std::vector<Tensor>& g) {
  Tensor total = g.at(0);
  for (std::size_t i = 1; i < g.size(); ++i) total = total + g[i];
  const auto n = static_cast<double>(g.size());
  return sum(total * total).item() / (n * n);
}

// Times evenly over [0, 1], so that the mean tells of the network rather than of the draw.
Samples validation() {
  constexpr std::int64_t n = 64;
  Samples samples = NoisyLeaves(2).draw({.level = {}, .count = n, .step = 0});
  for (std::int64_t i = 0; i < n; ++i) {
    samples.time.data<float>()[i] = (static_cast<float>(i) + 0.5f) / static_cast<float>(n);
  }
  const Tensor noise = random_normal(samples.target.shape(), {2, "validation"});
  samples.input = mix(samples.target, noise, samples.time);
  return samples;
}

void train(Denoiser& denoiser, const Schedule& schedule,
           const std::function<void(const TrainerState&)>& look) {
  NoisyLeaves leaves(1);
  Adam adam(denoiser.parameters.values(), denoiser.parameters.gradients());
  Trainer trainer(denoiser.parameters, adam, denoiser.loss, leaves, schedule,
                  LearningRate::cosine(5e-3, 5e-5, schedule.steps()));
  look(trainer.state());
  while (!trainer.done()) {
    trainer.step();
    look(trainer.state());
  }
}

}  // namespace

NoisyLeaves::NoisyLeaves(std::uint64_t seed) : seed_(seed), pictures_(draw_pictures(seed)) {}

Samples NoisyLeaves::draw(const Draw& draw) {
  const std::string level = draw.level.str();
  const auto step = static_cast<std::uint64_t>(draw.step);
  RandomSequence random({seed_, "crops" + level, step});
  std::vector<std::int64_t> crops;
  for (std::int64_t i = 0; i < draw.count; ++i) {
    crops.push_back(random.below(count));
    crops.push_back(random.below(picture - size + 1));
    crops.push_back(random.below(picture - size + 1));
    crops.push_back(random.below(2));
  }
  const Tensor clean = crop_pictures(pictures_, Tensor::from(crops, {draw.count, 4}), size);
  const Tensor time = random_uniform({draw.count}, {seed_, "time" + level, step});
  const Tensor noise = random_normal(clean.shape(), {seed_, "noise" + level, step});
  return {.input = mix(clean, noise, time), .target = clean, .time = time, .ids = {}};
}

std::vector<Samples> NoisyLeaves::draw(const BatchPlan& plan, std::int64_t step) {
  std::vector<Samples> levels;
  for (int l = 0; l < plan.levels(); ++l) levels.push_back(draw({{l}, plan[l], step}));
  return levels;
}

Denoiser::Denoiser(std::uint64_t seed) { net.initialize(seed); }

Tensor Denoiser::gradient(const Samples& samples) {
  parameters.zero_gradients();
  mean(loss(samples)).backward();
  return parameters.gradients().clone();
}

std::vector<Tensor> Denoiser::gradients(const Samples& samples) {
  std::vector<Tensor> all;
  for (std::int64_t i = 0; i < samples.size(); ++i) all.push_back(gradient(rows(samples, i, 1)));
  return all;
}

double variance(const std::vector<Tensor>& g) {
  const auto n = static_cast<double>(g.size());
  double squares = 0;
  for (const Tensor& each : g) squares += sum(each * each).item();
  return (squares - n * square_of_mean(g)) / (n - 1);
}

double squared_mean(const std::vector<Tensor>& g) {
  return square_of_mean(g) - variance(g) / static_cast<double>(g.size());
}

LossCurve train(const Schedule& schedule) {
  const Samples unseen = validation();
  Denoiser denoiser;
  LossCurve curve;
  const std::int64_t every = std::max<std::int64_t>(schedule.steps() / 20, 1);
  train(denoiser, schedule, [&](const TrainerState& state) {
    if (state.steps % every != 0 && state.steps != schedule.steps()) return;
    const NoGradGuard no_grad;
    curve.work_units.push_back(state.work_units);
    curve.loss.push_back(mean(denoiser.loss(unseen)).item());
  });
  return curve;
}

void train(Denoiser& denoiser, const Schedule& schedule) {
  train(denoiser, schedule, [](const TrainerState&) {});
}

}  // namespace telescope::lessons
