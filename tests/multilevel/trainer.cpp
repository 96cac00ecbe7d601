// SPDX-License-Identifier: MIT
#include "multilevel/trainer.h"

#include <cmath>
#include <set>

#include "layers/loss.h"
#include "layers/random.h"
#include "models/resnet.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

// Denoising of random images; remembers what was asked for.
class NoiseSource : public SampleSource {
 public:
  Samples draw(const Draw& draw) override {
    draws.push_back(draw);
    const auto key = [&](std::string_view what) {
      return RandomKey(1, std::string(what) + draw.level.str(),
                       static_cast<std::uint64_t>(draw.step));
    };
    const Shape shape{draw.count, 16, 16, 3};
    const Tensor clean = random_normal(shape, key("clean"));
    const Tensor noise = random_normal(shape, key("noise"));
    if (poison_at == draw.step) clean.data<float>()[0] = NAN;
    Samples samples{Tensor::empty(shape), clean, random_uniform({draw.count}, key("time")), {}};
    for (std::int64_t i = 0; i < clean.numel(); ++i) {
      const float t = samples.time.data<float>()[i / (16 * 16 * 3)];
      samples.input.data<float>()[i] =
          t * clean.data<float>()[i] + (1 - t) * noise.data<float>()[i];
    }
    return samples;
  }
  void prepare(const Draw& draw) override { prepared.push_back(draw); }

  std::vector<Draw> draws, prepared;
  std::int64_t poison_at = -1;
};

struct Run {
  explicit Run(Schedule schedule, TrainerOptions options = {})
      : trainer(parameters, *optimizer, loss, source, std::move(schedule),
                LearningRate::cosine(1e-2, 1e-4, 20), options) {}

  ResNet net{{.hidden = 8, .blocks = 1, .time_hidden = 4}};
  ParameterBuffer parameters{net};
  std::unique_ptr<Optimizer> optimizer =
      make_optimizer("adam", parameters.values(), parameters.gradients());
  NoiseSource source;
  SampleLoss loss = [this](const Samples& s) {
    return mse_per_sample(net(s.input, s.time), s.target);
  };
  Trainer trainer;
};

}  // namespace

TEST_CASE("every level draws fresh samples, and its batch grows") {
  Run run(full_multiscale(BatchPlan::geometric(2, 3), 4));
  while (!run.trainer.done()) run.trainer.step();
  std::set<std::pair<int, std::int64_t>> seen;
  for (const Draw& draw : run.source.draws) {
    CHECK(draw.count == 2 << draw.level.level);
    CHECK(seen.insert({draw.level.level, draw.step}).second);
  }
  // 4 steps on mesh 2; 2 on meshes 1, 2; 1 on meshes 0, 1, 2.
  CHECK(run.source.draws.size() == 4 + 2 * 2 + 3);
  CHECK(run.source.prepared.size() == run.source.draws.size() - 1);
  CHECK(run.trainer.state().steps == 7);
  CHECK(run.trainer.state().images == 4 * 8 + 2 * 12 + 14);
  CHECK(run.trainer.state().work_units ==
        doctest::Approx(work_units(full_multiscale(BatchPlan::geometric(2, 3), 4))));
  CHECK(run.trainer.state().flop > 0);
  CHECK(error_of([&] { run.trainer.step(); }) ==
        "trainer: all 7 steps of 'full-multiscale' are done");
}

TEST_CASE("random resizing visits every mesh and counts what it did") {
  Run run(random_resizing(BatchPlan({1, 2, 4}), 20));
  std::set<int> meshes;
  double units = 0;
  while (!run.trainer.done()) {
    const StepReport report = run.trainer.step();
    REQUIRE(report.meshes.size() == 1);
    meshes.insert(report.meshes[0].mesh.level);
    units += static_cast<double>(report.images) * report.meshes[0].mesh.cost();
  }
  CHECK(meshes.size() == 3);
  CHECK(run.trainer.state().work_units == units);
}

TEST_CASE("training lowers the loss, and repeats to the bit") {
  const auto losses = [](TrainerOptions options) {
    Run run(mge(BatchPlan::geometric(2, 3), 20), options);
    std::vector<double> values;
    while (!run.trainer.done()) values.push_back(run.trainer.step().loss);
    return values;
  };
  const auto first = losses({});
  CHECK(first == losses({}));
  CHECK(first.back() < first.front());
  // Paired passes and micro-batches take the same steps up to rounding.
  for (const TrainerOptions& options :
       {TrainerOptions{.paired = true}, TrainerOptions{.measure_every = 2, .micro_batches = 2}}) {
    const auto other = losses(options);
    for (std::size_t i = 0; i < 5; ++i) CHECK(other[i] == doctest::Approx(first[i]).epsilon(1e-4));
  }
}

TEST_CASE("a run continued from the middle ends in the same bits") {
  const Schedule schedule = full_multiscale(BatchPlan::geometric(2, 2), 6);
  Run whole(schedule);
  while (!whole.trainer.done()) whole.trainer.step();

  Run first(schedule);
  for (int i = 0; i < 4; ++i) first.trainer.step();
  Run second(schedule);
  second.parameters.values().copy_from(first.parameters.values());
  const auto from = first.optimizer->state(), to = second.optimizer->state();
  for (std::size_t i = 0; i < from.size(); ++i) to[i].tensor.copy_from(from[i].tensor);
  second.optimizer->set_steps(first.optimizer->steps());
  second.trainer.resume(first.trainer.state());
  while (!second.trainer.done()) second.trainer.step();
  CHECK_SAME(second.parameters.values(), whole.parameters.values());
  CHECK(second.trainer.state().work_units == whole.trainer.state().work_units);
}

TEST_CASE("a loss that is not finite stops before the parameters change") {
  Run run(mge(BatchPlan({1, 2}), 5));
  run.source.poison_at = 1;
  run.trainer.step();
  const Tensor before = run.parameters.values().clone();
  const std::string error = error_of([&] { run.trainer.step(); });
  CHECK(error.starts_with("train: the loss of step 2 on mesh0 is nan, expected a finite number"));
  CHECK_SAME(run.parameters.values(), before);
  CHECK(run.trainer.state().steps == 1);
}

TEST_CASE("a step that cannot be started is not counted, and those in flight are") {
  Run run(mge(BatchPlan({1, 2}), 5));
  int calls = 0;
  const SampleLoss failing = [&](const Samples& s) {
    if (++calls == 3) raise_failure("out of memory", "for a test");  // each step has two passes
    return run.loss(s);
  };
  Trainer trainer(run.parameters, *run.optimizer, failing, run.source, mge(BatchPlan({1, 2}), 5),
                  LearningRate::cosine(1e-2, 1e-4, 5));
  trainer.start_step();
  const Tensor before = run.parameters.values().clone();
  CHECK(error_of([&] { trainer.start_step(); }).starts_with("out of memory"));
  CHECK(run.optimizer->steps() == 1);
  CHECK_SAME(run.parameters.values(), before);
  CHECK(trainer.in_flight() == 1);
  CHECK(trainer.finish_step().step == 0);
}

TEST_CASE("the coarse side of a difference that is not finite is named") {
  Run run(mge(BatchPlan({1, 2}), 5));
  const SampleLoss bad = [&run](const Samples& s) {
    const Tensor losses = run.loss(s);
    if (s.input.extent(1) == 8) losses.data<float>()[0] = INFINITY;  // of level 0, on mesh 1
    return losses;
  };
  Trainer trainer(run.parameters, *run.optimizer, bad, run.source, mge(BatchPlan({1, 2}), 5),
                  LearningRate::constant(1e-3));
  CHECK(error_of([&] {
          trainer.step();
        }).starts_with("train: the loss of step 1 on mesh1 is inf, expected a finite number"));
}

TEST_CASE("stages of fewer than no steps are errors") {
  Schedule schedule = single_scale(2, 3);
  schedule.stages.push_back({.finest = {}, .plan = BatchPlan({1}), .steps = -1});
  CHECK(error_of([&] { Run r(schedule); }) ==
        "trainer: stage 1 of 'single-scale' has -1 steps on mesh0; expected 0 or more steps on a "
        "mesh from 0 on");
}
