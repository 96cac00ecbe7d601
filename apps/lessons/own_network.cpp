// SPDX-License-Identifier: MIT
// A network of your own, with a residual block, its loss and its training on three meshes at once.
//
//   minimise over theta   E | net(x + z; theta) - x |^2,   x smooth waves, z normal noise
//
// The last line says how much of the noise is left: 1 would be all of it.
#include <telescope.h>

#include <cmath>
#include <cstdio>

using namespace telescope;

struct Block : Module {
  explicit Block(const Place& at) : Module(at) {}
  Conv2d conv1{child("conv1"), 16, 16, 3}, conv2{child("conv2"), 16, 16, 3};
  Tensor operator()(const Tensor& x) const { return x + conv2(silu(conv1(x))); }
};

struct Net : Module {
  Conv2d open{child("open"), 1, 16, 3};
  Block block{child("block")};
  Conv2d close{child("close"), 16, 1, 3};
  Tensor operator()(const Tensor& x) const { return close(block(open(x))); }
};

struct Waves : SampleSource {  // every (level, step) draws images of its own
  Samples draw(const Draw& draw) override {
    const Shape shape{draw.count, 32, 32, 1};
    const std::string level = draw.level.str();
    const auto step = static_cast<std::uint64_t>(draw.step);
    const auto phase = random_uniform({draw.count}, {1, "phase" + level, step}, 0, 6.28);
    const Tensor clean = Tensor::empty(shape);
    for (std::int64_t i = 0; i < clean.numel(); ++i) {
      const auto x = static_cast<float>(i % 32), y = static_cast<float>(i / 32 % 32);
      clean.data<float>()[i] = std::sin(0.2f * x + 0.1f * y + phase.data<float>()[i / 1024]);
    }
    return {clean + random_normal(shape, {1, "noise" + level, step}), clean, {}, {}};
  }
};

int main() {
  Net net;
  net.initialize(1);
  ParameterBuffer parameters(net);
  Adam adam(parameters.values(), parameters.gradients());
  Waves waves;
  const auto loss = [&](const Samples& s) { return mse_per_sample(net(s.input), s.target); };
  const Schedule schedule = full_multiscale(BatchPlan::geometric(4, 3), 80);
  Trainer trainer(parameters, adam, loss, waves, schedule,
                  LearningRate::cosine(1e-2, 1e-4, schedule.steps()));
  StepReport report;
  while (!trainer.done()) {
    report = trainer.step();
    if (report.step % 20 == 0) std::printf("step %3d  loss %.4f\n", int(report.step), report.loss);
  }
  std::printf("noise left: %.3f of 1 after %.1f work units\n", report.loss,
              trainer.state().work_units);
}
