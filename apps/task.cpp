// SPDX-License-Identifier: MIT
#include "apps/task.h"

#include "layers/mix.h"
#include "layers/random.h"

namespace telescope::app {

Samples denoise(const Tensor& clean, const NoiseKey& key) {
  const auto stream = [&key](const char* what) {
    return RandomKey(key.seed, key.stream + "/" + what, key.step);
  };
  const Tensor t = random_uniform({clean.extent(0)}, stream("t"));
  const Tensor z = random_normal(clean.shape(), stream("z"));
  return {mix(clean, z, t), clean, t, {}};
}

}  // namespace telescope::app
