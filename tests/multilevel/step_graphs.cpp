// SPDX-License-Identifier: MIT
#include "multilevel/step_graphs.h"

#include "layers/loss.h"
#include "layers/modules.h"
#include "layers/random.h"
#include "multilevel/trainer.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {

class RandomImages : public SampleSource {
 public:
  explicit RandomImages(const Device& device) : device_(device) {}
  Samples draw(const Draw& draw) override {
    const RandomKey key(1, "images" + draw.level.str(), static_cast<std::uint64_t>(draw.step));
    const Tensor x = random_normal({draw.count, 8, 8, 3}, key, DType::f32, device_);
    return {x, x, {}, {}};
  }

 private:
  Device device_;
};

// A layer and a dropout.
class Net : public Module {
 public:
  Tensor operator()(const Tensor& x) { return dropout_(layer_(x)); }

 private:
  Conv2d layer_{child("layer"), 3, 3, 1};
  Dropout dropout_{child("dropout"), 0.5};
};

// The losses of six steps.
std::vector<double> losses(const Device& device, bool graphs) {
  Net net;
  net.initialize(1);
  net.to(device);
  ParameterBuffer parameters(net);
  const auto optimizer = make_optimizer("adam", parameters.values(), parameters.gradients());
  RandomImages source(device);
  const auto loss = [&](const Samples& s) { return mse_per_sample(net(s.input), s.target); };
  Trainer trainer(parameters, *optimizer, loss, source, mge(BatchPlan::geometric(2, 2), 6),
                  LearningRate::cosine(1e-2, 1e-4, 6), {.graphs = graphs});
  std::vector<double> values;
  while (!trainer.done()) values.push_back(trainer.step().loss);
  return values;
}

}  // namespace

TEST_CASE("replayed steps drop other features in every step, as steps that run one by one do") {
  const auto replayed = losses(test_device(), true);
  CHECK(replayed == losses(test_device(), false));
  const auto expected = losses(Device(), false);  // where the step comes with the call
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK(replayed[i] == doctest::Approx(expected[i]).epsilon(1e-3));
  }
}

TEST_CASE("a step that fails is forgotten: the next one of its shapes starts anew") {
  const Device device = test_device();
  if (!Graph::supported(device)) return;
  const Tensor x = Tensor::zeros({2, 1}, DType::f32, device);
  const Tensor ids = Tensor::zeros({2}, DType::i64, device);
  const std::vector<Samples> levels{{x, x, {}, ids}};
  std::vector<std::size_t> seen;  // levels of each call
  std::vector<bool> recorded;
  StepGraphs graphs;
  const auto run = [&] {
    graphs.run({}, levels, Mesh{0}, [&](const std::vector<Samples>& inputs) {
      seen.push_back(inputs.size());
      recorded.push_back(inputs.front().input.raw() != x.raw());
      if (seen.size() % 2) raise_failure("test", "no memory");
      return Estimate();
    });
  };
  CHECK_THROWS_AS(run(), Failure);
  run();
  CHECK_THROWS_AS(run(), Failure);
  run();
  run();  // a replay, which calls nothing
  CHECK(recorded == std::vector<bool>{false, false, true, true});
  CHECK(seen == std::vector<std::size_t>{1, 1, 1, 1});
}

TEST_CASE("the graphs of another plan are let go") {
  const Device device = test_device();
  if (!Graph::supported(device)) return;
  const Tensor x = Tensor::zeros({2, 1}, DType::f32, device);
  const std::vector<Samples> levels{{x, x, {}, Tensor::zeros({2}, DType::i64, device)}};
  StepGraphs graphs;
  int calls = 0;
  const auto run = [&](std::int64_t plan) {
    graphs.run({plan}, levels, Mesh{0}, [&](const std::vector<Samples>&) {
      ++calls;
      return Estimate();
    });
  };
  for (int i = 0; i < 5; ++i) run(1);
  CHECK(calls == 2);  // as it is, and recorded
  run(2);
  CHECK(calls == 3);
  run(1);
  CHECK(calls == 4);
}
