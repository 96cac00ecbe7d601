// SPDX-License-Identifier: MIT
// What the lessons train: a small network that takes noise off pictures of dead leaves.
//
//   x_t = t x + (1 - t) z,   f(x; theta) = |net(x_t, t; theta) - x|^2 / size,   z normal, t in [0, 1]
#pragma once

#include <telescope.h>

#include <cstdint>
#include <vector>

namespace telescope::lessons {

/// Endless samples of 32 x 32 pixels, cropped at random from 256 pictures that `seed` names: every
/// (level, step) has samples of its own.
class NoisyLeaves : public SampleSource {
 public:
  explicit NoisyLeaves(std::uint64_t seed);
  Samples draw(const Draw& draw) override;
  /// Those of every level of one step.
  std::vector<Samples> draw(const BatchPlan& plan, std::int64_t step);

 private:
  std::uint64_t seed_;
  Tensor pictures_;  // u8 [256,64,64,3]
};

/// A ResNet of 16 channels and 2 blocks, drawn from `seed`, and its loss. Always the same size, on
/// every mesh.
struct Denoiser {
  explicit Denoiser(std::uint64_t seed = 1);
  Denoiser(const Denoiser&) = delete;

  ResNet net{{.hidden = 16, .blocks = 2}};
  ParameterBuffer parameters{net};
  SampleLoss loss = [this](const Samples& s) {
    return mse_per_sample(net(s.input, s.time), s.target);
  };

  /// The gradient of the mean loss of these samples, all parameters in one row.
  Tensor gradient(const Samples& samples);
  /// That of every sample by itself.
  std::vector<Tensor> gradients(const Samples& samples);
};

/// mean |g_i - mean g|^2 n / (n - 1): the variance of one g, summed over its components.
double variance(const std::vector<Tensor>& g);
/// |E g|^2 without the share that variance has in |mean g|^2; near 0 it may come out below.
double squared_mean(const std::vector<Tensor>& g);

/// The loss on pictures that no training has seen, over the work units spent.
struct LossCurve {
  std::vector<double> work_units, loss;
};
/// Trains a fresh Denoiser by Adam, its learning rate a cosine from 5e-3 to 5e-5, and looks at the
/// loss of 64 samples on mesh 0 about twenty times on the way.
LossCurve train(const Schedule& schedule);
/// The same for a network that goes on being used, looking at nothing.
void train(Denoiser& denoiser, const Schedule& schedule);

}  // namespace telescope::lessons
