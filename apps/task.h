// SPDX-License-Identifier: MIT
// Tasks: what is done to a clean image, and what the network is to give back.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/philox.h"
#include "multilevel/samples.h"

namespace telescope::app {

/// Names the random numbers of one batch: they depend on these three alone.
struct NoiseKey {
  std::uint64_t seed = 0;
  std::string stream;
  std::uint64_t step = 0;
};

/// Denoising: x_t = t x + (1 - t) z with z normal and t uniform in [0, 1], one t an image. The
/// network sees x_t and t; the target is x. clean [N,H,W,3] in [-1, 1].
Samples denoise(const Tensor& clean, const NoiseKey& key);
/// The same with the times given, t [N].
Samples denoise(const Tensor& clean, const Tensor& t, const NoiseKey& key);

/// Every picture `draws` times, its times spread evenly over [0, 1]: one in each of as many parts.
/// For validation, whose mean over few pictures would else tell more about the times that were
/// drawn than about the network. Rows: all pictures, then all again, ...
Samples denoise_evenly(const Tensor& clean, std::int64_t draws, const NoiseKey& key);

}  // namespace telescope::app
