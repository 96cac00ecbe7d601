// SPDX-License-Identifier: MIT
// Whole training runs on the test's device against the same on the CPU, step by step and as
// recorded graphs.
#include <cmath>

#include "core/memory.h"
#include "kernels/precision.h"
#include "layers/loss.h"
#include "layers/mix.h"
#include "layers/random.h"
#include "models/resnet.h"
#include "multilevel/trainer.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Precision;

namespace {

// Denoising of random images, made where they are used.
class NoiseSource : public SampleSource {
 public:
  explicit NoiseSource(Device device) : device_(device) {}
  Samples draw(const Draw& draw) override {
    const auto key = [&](std::string_view what) {
      return RandomKey(1, std::string(what) + draw.level.str(),
                       static_cast<std::uint64_t>(draw.step));
    };
    const Shape shape{draw.count, 16, 16, 3};
    Tensor clean = random_normal(shape, key("clean"), DType::f32, device_);
    if (draw.step == poisoned_step) clean = Tensor::full(shape, NAN, DType::f32, device_);
    const Tensor noise = random_normal(shape, key("noise"), DType::f32, device_);
    const Tensor time = random_uniform({draw.count}, key("time"), 0, 1, DType::f32, device_);
    return {mix(clean, noise, time), clean, time, {}};
  }
  std::int64_t poisoned_step = -1;

 private:
  Device device_;
};

// A network of its own for a run, so that all of them start alike.
struct Run {
  Run(Device device, Schedule schedule, TrainerOptions options = {},
      Precision precision = Precision::fp32)
      : net(on(device)),
        source(device),
        trainer(parameters, *optimizer, loss, source, std::move(schedule),
                LearningRate::cosine(1e-2, 1e-4, 20), options) {
    kernels::set_precision(precision);
  }

  static std::unique_ptr<ResNet> on(Device device) {
    auto net = std::make_unique<ResNet>(ResNetOptions{.hidden = 8, .blocks = 1, .time_hidden = 4});
    net->to(device);
    return net;
  }
  std::vector<double> losses() {
    std::vector<double> all;
    while (!trainer.done()) {
      for (const MeshReport& mesh : trainer.step().meshes) all.push_back(mesh.difference);
    }
    return all;
  }

  std::unique_ptr<ResNet> net;
  ParameterBuffer parameters{*net};
  std::unique_ptr<Optimizer> optimizer =
      make_optimizer("adam", parameters.values(), parameters.gradients());
  NoiseSource source;
  SampleLoss loss = [this](const Samples& s) {
    return mse_per_sample((*net)(s.input, s.time), s.target);
  };
  Trainer trainer;
};

Schedule stages() { return full_multiscale(BatchPlan::geometric(1, 2), 6); }

}  // namespace

TEST_CASE("twenty steps of MGE give the losses of the CPU") {
  const Schedule schedule = mge(BatchPlan::geometric(1, 3), 20);
  const auto here = Run(test_device(), schedule).losses();
  const auto expected = Run(Device{}, schedule).losses();
  REQUIRE(here.size() == 60);
  for (std::size_t i = 0; i < here.size(); ++i) {
    INFO("step " << i / 3 << ", mesh " << i % 3);
    CHECK(std::abs(here[i] - expected[i]) < 1e-4);
  }
}

// At first outputs are small, and so is what rounding does to the loss. Then the runs part slowly:
// gradients are off by 2^-8 or so, and Adam moves every parameter by about the learning rate, also
// those whose gradient is so small that rounding gives its sign.
TEST_CASE("twenty steps of MGE in bf16 give losses close to the CPU's") {
  if (!runs_here(DType::bf16)) return;
  const Schedule schedule = mge(BatchPlan::geometric(1, 3), 20);
  Run narrow(test_device(), schedule, {}, Precision::bf16);
  const auto here = narrow.losses();
  const auto expected = Run(Device{}, schedule).losses();
  double largest = 0;
  for (std::size_t i = 0; i < here.size(); ++i) {
    INFO("step " << i / 3 << ", mesh " << i % 3);
    CHECK(std::abs(here[i] - expected[i]) < (i < 3 ? 1e-5 : 1e-2));
    largest = std::max(largest, std::abs(here[i] - expected[i]));
  }
  CHECK(largest > 1e-6);  // else it was not bf16
  CHECK(narrow.parameters.values().dtype() == DType::f32);
  CHECK(narrow.parameters.gradients().dtype() == DType::f32);
  for (const auto& [name, moment] : narrow.optimizer->state()) CHECK(moment.dtype() == DType::f32);
}

TEST_CASE("a step in bf16 needs less memory") {
  if (!runs_here(DType::bf16)) return;
  const auto peak = [](Precision precision) {
    Run run(test_device(), single_scale(8, 2), {.graphs = false}, precision);
    run.trainer.step();
    const std::int64_t before = memory_use(test_device()).current;
    reset_peak_memory(test_device());
    run.trainer.step();
    return memory_use(test_device()).peak - before;
  };
  const std::int64_t full = peak(Precision::fp32), half = peak(Precision::bf16);
  INFO(half << " bytes in bf16, " << full << " in f32");
  CHECK(3 * half < 2 * full);  // images, losses and what is in place anyway do not shrink
}

TEST_CASE("a recorded step computes the bits of one that was launched kernel by kernel") {
  for (const Precision precision : {Precision::fp32, Precision::bf16}) {
    Run recorded(test_device(), stages(), {}, precision);
    Run launched(test_device(), stages(), {.graphs = false}, precision);
    CHECK(recorded.losses() == launched.losses());
    CHECK_SAME(recorded.parameters.values(), launched.parameters.values());
    CHECK(recorded.trainer.state().flop == launched.trainer.state().flop);
  }
  Run random(test_device(), random_resizing(BatchPlan::geometric(2, 2), 8));
  Run plain(test_device(), random_resizing(BatchPlan::geometric(2, 2), 8), {.graphs = false});
  CHECK(random.losses() == plain.losses());
}

TEST_CASE("recorded steps follow batches that change, and terms that are drawn") {
  const TrainerOptions adaptive{
      .allocation = {
          .kind = Allocation::adaptive, .pilot = 1, .measure_every = 3, .change_every = 4}};
  TrainerOptions without_graphs = adaptive;
  without_graphs.graphs = false;
  const Schedule schedule = mge(BatchPlan({3, 2}), 13);
  Run recorded(test_device(), schedule, adaptive),
      launched(test_device(), schedule, without_graphs);
  CHECK(recorded.losses() == launched.losses());
  CHECK_SAME(recorded.parameters.values(), launched.parameters.values());
  const AllocationState &a = recorded.trainer.state().allocation,
                        &b = launched.trainer.state().allocation;
  CHECK(a.batches == b.batches);
  CHECK_FALSE(a.batches.empty());
  CHECK(a.variances == b.variances);

  Run random(test_device(), randomised_mge(BatchPlan::geometric(1, 2), 8));
  Run plain(test_device(), randomised_mge(BatchPlan::geometric(1, 2), 8), {.graphs = false});
  CHECK(random.losses() == plain.losses());
  CHECK_SAME(random.parameters.values(), plain.parameters.values());
}

TEST_CASE("a step started before the last was read changes nothing in either") {
  Run ahead(test_device(), stages()), one_by_one(test_device(), stages());
  std::vector<double> losses;
  Trainer& trainer = ahead.trainer;
  trainer.start_step();
  while (!trainer.done()) {
    if (trainer.can_start()) trainer.start_step();
    CHECK(trainer.in_flight() <= 2);
    const StepReport report = trainer.finish_step();
    CHECK(report.step + 1 == trainer.state().steps);
    for (const MeshReport& mesh : report.meshes) losses.push_back(mesh.difference);
  }
  CHECK(losses == one_by_one.losses());
  CHECK_SAME(ahead.parameters.values(), one_by_one.parameters.values());
  CHECK(trainer.state().work_units == one_by_one.trainer.state().work_units);
}

TEST_CASE(
    "a loss that is not finite leaves the parameters of the step before, whatever is in flight") {
  const Schedule schedule = mge(BatchPlan::geometric(1, 2), 9);
  Run run(test_device(), schedule);
  run.source.poisoned_step = 5;
  for (int i = 0; i < 5; ++i) run.trainer.step();
  const Tensor before = run.parameters.values().clone();
  run.trainer.start_step();
  run.trainer.start_step();
  const std::string text = error_of([&] { run.trainer.finish_step(); });
  INFO(text);
  CHECK(text.starts_with("train: the loss of step 6 on mesh0 is nan"));
  CHECK_SAME(run.parameters.values(), before);
  CHECK(run.trainer.in_flight() == 0);
  CHECK(run.trainer.state().steps == 5);
  CHECK(run.optimizer->steps() == 5);
  // And it can go on from there.
  run.source.poisoned_step = -1;
  while (!run.trainer.done()) run.trainer.step();
  Run untouched(test_device(), schedule);
  (void)untouched.losses();
  CHECK_SAME(run.parameters.values(), untouched.parameters.values());
}

TEST_CASE("measured steps on a device give norms and variances of the CPU") {
  const TrainerOptions options{.measure_every = 1, .micro_batches = 2};
  Run here(test_device(), mge(BatchPlan::geometric(2, 2), 2), options);
  Run expected(Device{}, mge(BatchPlan::geometric(2, 2), 2), options);
  while (!here.trainer.done()) {
    const StepReport a = here.trainer.step(), b = expected.trainer.step();
    for (std::size_t l = 0; l < 2; ++l) {
      CHECK(*a.meshes[l].gradient_norm ==
            doctest::Approx(*b.meshes[l].gradient_norm).epsilon(1e-3));
      CHECK(*a.meshes[l].variance == doctest::Approx(*b.meshes[l].variance).epsilon(1e-3));
      CHECK(a.meshes[l].seconds.has_value());
    }
  }
}
