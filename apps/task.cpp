// SPDX-License-Identifier: MIT
#include "apps/task.h"

#include <vector>

#include "layers/mix.h"
#include "layers/random.h"
#include "layers/structure.h"

namespace telescope::app {

namespace {
RandomKey stream(const NoiseKey& key, const char* what) {
  return {key.seed, key.stream + "/" + what, key.step};
}
}  // namespace

Samples denoise(const Tensor& clean, const Tensor& t, const NoiseKey& key) {
  return {mix(clean, random_normal(clean.shape(), stream(key, "z"), DType::f32, clean.device()), t),
          clean,
          t,
          {}};
}

Samples denoise(const Tensor& clean, const NoiseKey& key) {
  return denoise(
      clean, random_uniform({clean.extent(0)}, stream(key, "t"), 0, 1, DType::f32, clean.device()),
      key);
}

Samples denoise_evenly(const Tensor& clean, std::int64_t draws, const NoiseKey& key) {
  const std::int64_t n = clean.extent(0);
  const std::vector<Tensor> repeated(static_cast<std::size_t>(draws), clean);
  const Tensor t = random_uniform({draws * n}, stream(key, "t"));
  for (std::int64_t draw = 0; draw < draws; ++draw) {
    for (std::int64_t i = 0; i < n; ++i) {
      float& time = t.data<float>()[draw * n + i];
      // Neighbours start in different parts, so that the first pictures show all kinds of noise.
      time = (static_cast<float>((draw + i) % draws) + time) / static_cast<float>(draws);
    }
  }
  return denoise(concat_rows(repeated), t.to(clean.device()), key);
}

}  // namespace telescope::app
