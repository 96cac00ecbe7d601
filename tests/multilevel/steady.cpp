// SPDX-License-Identifier: MIT
// Training in steady state asks the system for no memory.
#include "core/memory.h"
#include "core/parallel.h"
#include "layers/loss.h"
#include "layers/random.h"
#include "models/resnet.h"
#include "multilevel/trainer.h"
#include "support/compare.h"

using namespace telescope;

namespace {
class Noise : public SampleSource {
 public:
  Samples draw(const Draw& draw) override {
    const RandomKey key(1, draw.level.str(), static_cast<std::uint64_t>(draw.step));
    const Tensor images = random_normal({draw.count, 16, 16, 3}, key);
    return {images, images, random_uniform({draw.count}, key), {}};
  }
};
}  // namespace

// One case in a program of its own: guards, which cache nothing, must be off before any allocation.
TEST_CASE("after a few steps the pool has all a step needs, whatever the mesh") {
#if defined(__SANITIZE_ADDRESS__)
  MESSAGE("[skipped] under the address sanitizer nothing is cached");
  return;
#endif
  set_memory_guards(false);
  // With more threads, how many of them hold workspace at once is for the scheduler to say, and the
  // most may be seen late.
  set_thread_count(1);
  ResNet net({.hidden = 16, .blocks = 1});
  ParameterBuffer parameters(net);
  const auto adam = make_optimizer("adam", parameters.values(), parameters.gradients());
  Noise noise;
  const auto loss = [&](const Samples& s) {
    return mse_per_sample(net(s.input, s.time), s.target);
  };
  Trainer trainer(parameters, *adam, loss, noise, mge(BatchPlan::geometric(2, 3), 12),
                  LearningRate::constant(1e-3));
  for (int i = 0; i < 4; ++i) trainer.step();
  const auto before = memory_use();
  while (!trainer.done()) trainer.step();
  CHECK(before.system_calls > 0);
  CHECK(memory_use().system_calls == before.system_calls);
  CHECK(memory_use().current == before.current);
}
