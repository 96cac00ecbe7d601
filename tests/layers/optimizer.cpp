// SPDX-License-Identifier: MIT
#include "layers/optimizer.h"

#include <cmath>
#include <optional>

#include "core/graph.h"
#include "layers/learning_rate.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {
// Minimises |p - target|^2 / 2 for some steps, leaving the gradient of the last.
void descend(Optimizer& optimizer, const Tensor& p, const Tensor& g, int steps, double rate) {
  for (int k = 0; k < steps; ++k) {
    for (std::int64_t i = 0; i < p.numel(); ++i) {
      g.data<double>()[i] = p.data<double>()[i] - static_cast<double>(i);
    }
    optimizer.step(rate);
  }
}
}  // namespace

TEST_CASE("every optimizer finds the minimum of a parabola") {
  for (const std::string name : {"adam", "adamw", "sgd"}) {
    INFO(name);
    const Tensor p = random_tensor({5}, DType::f64), g = Tensor::zeros({5}, DType::f64);
    const auto optimizer = make_optimizer(name, p, g);
    CHECK(optimizer->name() == name);
    descend(*optimizer, p, g, 1000, 0.05);
    descend(*optimizer, p, g, 200, 0.001);
    CHECK(optimizer->steps() == 1200);
    const double close = name == "adamw" ? 0.1 : 0.01;  // decay pulls towards zero
    for (int i = 0; i < 5; ++i) CHECK(std::abs(p.data<double>()[i] - i) < close);
    optimizer->zero_grad();
    CHECK_SAME(g, Tensor::zeros({5}, DType::f64));
  }
}

TEST_CASE("the first step of Adam is the learning rate, against the sign of the gradient") {
  const Tensor p = Tensor::from<double>({1, 1, 1}, {3}),
               g = Tensor::from<double>({3, -0.01, 0}, {3});
  Adam adam(p, g);
  adam.step(0.5);
  CHECK_CLOSE(p, Tensor::from<double>({0.5, 1.5, 1}, {3}), (Tolerance{1e-6, 0}));
  const Tensor q = Tensor::from<double>({1, 1, 1}, {3});
  AdamW adamw(q, g);  // decays by 1 - 0.5 0.01 before
  adamw.step(0.5);
  CHECK_CLOSE(q, Tensor::from<double>({0.495, 1.495, 0.995}, {3}), (Tolerance{1e-6, 0}));
  // Adam's own decay acts through the gradient: only its sign is left of it.
  const Tensor r = Tensor::from<double>({1, 1, 1}, {3});
  Adam decayed(r, g, {.weight_decay = 0.02});
  decayed.step(0.5);
  CHECK_CLOSE(r, Tensor::from<double>({0.5, 0.5, 0.5}, {3}), (Tolerance{1e-5, 0}));
}

TEST_CASE("a run that was saved and loaded goes on to the same bits") {
  for (const std::string name : {"adam", "adamw", "sgd"}) {
    INFO(name);
    const Tensor p = random_tensor({5}, DType::f64), g = Tensor::zeros({5}, DType::f64);
    const auto whole = make_optimizer(name, p, g);
    descend(*whole, p, g, 3, 0.1);

    const Tensor q = p.clone(), h = g.clone();
    const auto resumed = make_optimizer(name, q, h);
    resumed->set_steps(whole->steps());
    const auto saved = whole->state();
    for (std::size_t i = 0; i < saved.size(); ++i) {
      CHECK(resumed->state()[i].name == saved[i].name);
      resumed->state()[i].tensor.copy_from(saved[i].tensor);
    }
    descend(*whole, p, g, 3, 0.1);
    descend(*resumed, q, h, 3, 0.1);
    CHECK_SAME(q, p);
  }
}

TEST_CASE("on a device as on the CPU, and replayed from a graph") {
  const Device device = test_device();
  for (const std::string name : {"adam", "adamw", "sgd"}) {
    INFO(name);
    const Tensor start = random_tensor({1001});
    // Four steps, each with a gradient and a learning rate of its own.
    const auto run = [&](const Device& where, bool graph) {
      const Tensor p = start.clone().to(where), g = Tensor::zeros({1001}, DType::f32, where);
      const auto optimizer = make_optimizer(name, p, g);
      std::optional<Graph> recorded;
      for (int k = 1; k <= 4; ++k) {
        g.copy_from(random_tensor({1001}, DType::f32, static_cast<std::uint64_t>(k) + 7));
        if (!graph || k == 1) {
          optimizer->clip_gradients(1);
          optimizer->step(0.1 / k);
          continue;
        }
        if (!recorded) {
          recorded.emplace(where, [&] {
            optimizer->clip_gradients(1);
            optimizer->apply_step();
          });
        }
        optimizer->prepare_step(0.1 / k);
        recorded->replay();
      }
      CHECK(optimizer->steps() == 4);
      return p;
    };
    const Tensor there = run(device, false);
    CHECK_CLOSE(there, run(Device(), false), rounding(DType::f32, 4));
    if (Graph::supported(device)) CHECK_SAME(run(device, true), there);
  }
}

TEST_CASE("state bears PyTorch's names") {
  const Tensor p = Tensor::zeros({2}), g = Tensor::zeros({2});
  const auto names = [](const Optimizer& optimizer) {
    std::string all;
    for (const auto& [name, tensor] : optimizer.state()) all += name + tensor.shape().str();
    return all;
  };
  CHECK(names(Adam(p, g)) == "exp_avg[2]exp_avg_sq[2]");
  CHECK(names(Sgd(p, g, {.momentum = 0.9})) == "momentum_buffer[2]");
  CHECK(names(Sgd(p, g)) == "");
}

TEST_CASE("gradients are clipped to a norm") {
  const Tensor p = Tensor::zeros({2}), g = Tensor::from<float>({3, 4}, {2});
  Sgd sgd(p, g);
  sgd.clip_gradients(1);
  CHECK_CLOSE(g, Tensor::from<float>({0.6f, 0.8f}, {2}), (Tolerance{1e-5, 0}));
}

TEST_CASE("what an optimizer refuses") {
  const Tensor p = Tensor::zeros({2}), g = Tensor::zeros({2});
  CHECK(error_of([&] { make_optimizer("lion", p, g); }) ==
        "optimizer: expected adam, adamw or sgd, got \"lion\"");
  CHECK(error_of([&] { Adam(p, Tensor::zeros({3})); }) ==
        "adam: expected values and gradients alike, got f32 [2] on cpu and f32 [3] on cpu");
  CHECK(error_of([&] { Sgd(p, Tensor()); }) ==
        "sgd: expected values and gradients, got an undefined tensor");
  const Tensor i = Tensor::zeros({2}, DType::i64);
  CHECK(error_of([&] { AdamW(i, i); }) == "adamw: expected f32 or f64, got i64");
  CHECK(error_of([&] {
          Adam(p, g, {.betas = {0.9, 1}});
        }) == "adam: expected betas in [0, 1), got 1");
  CHECK(error_of([&] { Adam(p, g, {.eps = -1}); }) == "adam: expected eps of 0 or more, got -1");
  CHECK(error_of([&] { Sgd(p, g).step(NAN); }) ==
        "sgd: expected a learning rate of 0 or more, got nan");
  CHECK(error_of([&] { Sgd(p, g).set_steps(-1); }) ==
        "sgd: expected a number of steps of 0 or more, got -1");
}
