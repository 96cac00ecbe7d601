// SPDX-License-Identifier: MIT
// Training with batches, and with terms, that are not the same in every step; on a problem whose
// variances are known.
#include <cmath>
#include <limits>
#include <map>

#include "layers/modules.h"
#include "layers/random.h"
#include "layers/reduce.h"
#include "multilevel/trainer.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

// f_l(x) = sum_c theta_c mean(x_c on mesh l), whatever theta is, for pictures of white noise around
// 1 in 16 x 16 pixels and 4 channels, restricted by injection. The mean of P_{l+1} of P_l values
// differs from theirs by a variance of 1/P_{l+1} - 1/P_l; the gradient of the mean is 1.
constexpr std::int64_t width = 16, channels = 4;

std::vector<double> true_variances(int levels) {
  std::vector<double> variances;
  const auto of_mean = [](int l) { return channels * std::pow(4.0, l) / (width * width); };
  for (int l = 0; l + 1 < levels; ++l) variances.push_back(of_mean(l + 1) - of_mean(l));
  variances.push_back(of_mean(levels - 1));
  return variances;
}

class WhiteNoise : public SampleSource {
 public:
  Samples draw(const Draw& draw) override {
    counts[draw.step].push_back(draw.count);
    const RandomKey key(3, draw.level.str(), static_cast<std::uint64_t>(draw.step));
    const Tensor x = random_normal({draw.count, width, width, channels}, key);
    for (float& value : std::span(x.data<float>(), static_cast<std::size_t>(x.numel()))) {
      value += draw.step == poisoned_step ? NAN : 1;
    }
    return {x, x, {}, {}};
  }
  void prepare(const Draw& draw) override { prepared[draw.step].push_back(draw.count); }

  std::map<std::int64_t, std::vector<std::int64_t>> counts, prepared;  // of every step
  std::int64_t poisoned_step = -1;
};

struct Linear : Module {
  Conv2d theta{child("theta"), channels, 1, 1};
};

struct Run {
  explicit Run(const Schedule& schedule, const TrainerOptions& options = {})
      : trainer(parameters, optimizer, loss, source, schedule, LearningRate::constant(1e-3),
                options) {}

  Linear net;
  ParameterBuffer parameters{net};
  Sgd optimizer{parameters.values(), parameters.gradients()};
  WhiteNoise source;
  SampleLoss loss = [this](const Samples& s) { return mean_per_sample(net.theta(s.input)); };
  Trainer trainer;
};

const TrainerOptions adaptive{.allocation = {.kind = Allocation::adaptive}};
const BatchPlan doubling = BatchPlan::geometric(4, 3);

}  // namespace

TEST_CASE("adaptive batches come to be the best for the variances there are") {
  const BatchPlan start({6, 4, 6});
  Run run(mge(start, 150), adaptive);
  while (!run.trainer.done()) run.trainer.step();
  const auto variances = true_variances(3), costs = level_costs({}, 3);
  const AllocationState& state = run.trainer.state().allocation;
  for (std::size_t l = 0; l < 3; ++l) {
    CHECK(state.variances[l] == doctest::Approx(variances[l]).epsilon(0.25));
  }
  const BatchPlan best = optimal_plan(variances, costs, work_units(start));
  const BatchPlan found(state.batches);
  INFO(found.str() << " for " << best.str());
  CHECK(predicted_variance(variances, found) <= 1.06 * predicted_variance(variances, best));
  CHECK(predicted_variance(variances, best) < 0.8 * predicted_variance(variances, start));
}

TEST_CASE("a step costs no more than the schedule's, and what was drawn is what is counted") {
  Run run(mge(doubling, 100), adaptive);
  double units = 0;
  std::int64_t images = 0;
  while (!run.trainer.done()) {
    const StepReport report = run.trainer.step();
    std::vector<std::int64_t> batches;
    for (const MeshReport& mesh : report.meshes) batches.push_back(mesh.samples);
    CHECK(batches == run.source.counts[report.step]);
    if (report.step > 0) CHECK(batches == run.source.prepared[report.step]);
    CHECK(work_units(BatchPlan(batches)) <= work_units(doubling));
    units += work_units(BatchPlan(batches));
    images += report.images;
  }
  CHECK(run.trainer.state().work_units == doctest::Approx(units));
  CHECK(run.trainer.state().images == images);
}

TEST_CASE("optimal batches are measured by the first steps of every stage") {
  Run run(full_multiscale(doubling, 32), {.allocation = {.kind = Allocation::optimal}});
  std::map<std::int64_t, bool> measured;
  while (!run.trainer.done()) {
    const StepReport report = run.trainer.step();
    measured[report.step] = report.meshes[0].variance.has_value();
  }
  const auto counts = [&](std::int64_t step) { return BatchPlan(run.source.counts[step]).str(); };
  for (std::int64_t step = 0; step < 32; ++step) CHECK(counts(step) == "16");
  for (std::int64_t step = 32; step < 38; ++step) CHECK(counts(step) == "8,16");
  for (std::int64_t step = 39; step < 48; ++step) CHECK(counts(step) == counts(38));
  for (std::int64_t step = 48; step < 54; ++step) CHECK(counts(step) == "4,8,16");
  CHECK(counts(54) != "4,8,16");
  for (const auto& [step, yes] : measured) {
    CHECK(yes == ((step >= 32 && step < 37) || (step >= 48 && step < 53)));
  }
}

TEST_CASE("an adaptive run continued from the middle ends in the same bits") {
  const Schedule schedule = full_multiscale(doubling, 80);
  Run whole(schedule, adaptive);
  while (!whole.trainer.done()) whole.trainer.step();
  // Before a measurement, after one, before a change, at the start of a stage.
  for (const int middle : {90, 91, 99, 100, 101, 80, 120, 127}) {
    Run first(schedule, adaptive), second(schedule, adaptive);
    for (int i = 0; i < middle; ++i) first.trainer.step();
    second.parameters.values().copy_from(first.parameters.values());
    second.optimizer.set_steps(first.optimizer.steps());
    second.trainer.resume(first.trainer.state());
    while (!second.trainer.done()) second.trainer.step();
    CHECK_SAME(second.parameters.values(), whole.parameters.values());
    CHECK(second.trainer.state().work_units == whole.trainer.state().work_units);
    CHECK(second.trainer.state().allocation.variances ==
          whole.trainer.state().allocation.variances);
    for (const auto& [step, counts] : second.source.counts) {
      CHECK(counts == whole.source.counts[step]);
    }
  }
}

TEST_CASE("steps in flight change no batches") {
  const Schedule schedule = mge(doubling, 60);
  Run whole(schedule, adaptive), ahead(schedule, adaptive);
  while (!whole.trainer.done()) whole.trainer.step();
  while (!ahead.trainer.done()) {
    if (ahead.trainer.in_flight() == 0) ahead.trainer.start_step();
    if (ahead.trainer.can_start() && ahead.trainer.state().steps % 7) ahead.trainer.start_step();
    ahead.trainer.finish_step();
  }
  CHECK(ahead.source.counts == whole.source.counts);
  CHECK_SAME(ahead.parameters.values(), whole.parameters.values());
}

TEST_CASE("what a step that fails, and those behind it, did to the batches is undone") {
  const Schedule schedule = mge(doubling, 60);
  Run whole(schedule, adaptive);
  while (!whole.trainer.done()) whole.trainer.step();
  REQUIRE(whole.source.counts[5] != whole.source.counts[6]);
  // The batches change behind step 5; step 20 is measured.
  for (const std::int64_t poisoned : {5, 19}) {
    Run run(schedule, adaptive);
    Trainer& trainer = run.trainer;
    run.source.poisoned_step = poisoned;
    while (trainer.state().steps + 1 < poisoned) trainer.step();
    for (int i = 0; i < 2; ++i) trainer.start_step();
    trainer.finish_step();
    trainer.start_step();
    CHECK_THROWS_AS((void)trainer.finish_step(), Failure);
    CHECK(trainer.state().steps == poisoned);
    run.source.poisoned_step = -1;
    run.source.counts.erase(poisoned), run.source.counts.erase(poisoned + 1);
    while (!trainer.done()) trainer.step();
    CHECK(run.source.counts == whole.source.counts);
    CHECK(trainer.state().allocation.measurements == whole.trainer.state().allocation.measurements);
    CHECK_SAME(run.parameters.values(), whole.parameters.values());
  }
}

TEST_CASE("one random term a step has the fine gradient as mean, and the variance that it should") {
  const std::int64_t steps = 3000;
  const Schedule schedule = randomised_mge(BatchPlan({2, 3, 5}), steps);
  const Stage& stage = schedule.stages.front();
  Run run(schedule);
  const Tensor before = run.parameters.values().clone();
  std::map<int, double> drawn;
  double units = 0;
  while (!run.trainer.done()) {
    const StepReport report = run.trainer.step();
    const int level = report.meshes.at(0).mesh.level;
    CHECK(report.images == stage.plan[level]);
    ++drawn[level];
    units += level_costs({}, 3)[static_cast<std::size_t>(level)] *
             static_cast<double>(stage.plan[level]);
  }
  CHECK(run.trainer.state().work_units == doctest::Approx(units));
  const auto n = static_cast<double>(steps);
  // sum_l p_l (1/p_l^2) (V_l/N_l + m_l^2) - m^2 a channel; m_l = 0 but for the coarsest, where m = 1.
  double variance = -1;
  const auto variances = true_variances(3);
  for (int l = 0; l < 3; ++l) {
    const double p = stage.probability(l);
    CHECK(std::abs(drawn[l] / n - p) < 5 * std::sqrt(p * (1 - p) / n));
    const double second_moment =
        variances[static_cast<std::size_t>(l)] / channels / static_cast<double>(stage.plan[l]) +
        (l == 2 ? 1 : 0);
    variance += second_moment / p;
  }
  CHECK(units / n == doctest::Approx(work_units_per_step(stage)).epsilon(0.05));
  // Plain gradient descent has added them all up.
  double worst = 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    const double sum = run.net.theta.weight.data<float>()[c] - before.data<float>()[c];
    const double errors = std::abs(sum / (-1e-3 * n) - 1) / std::sqrt(variance / n);
    worst = std::max(worst, errors);
  }
  CHECK_MESSAGE(worst < 5, "standard errors: " << worst);
  CHECK(worst > 0.01);
}

TEST_CASE("batches by measured seconds keep about the seconds of the schedule's") {
  TrainerOptions options = adaptive;
  options.allocation.seconds = true;
  Run run(mge(doubling, 40), options);
  while (!run.trainer.done()) run.trainer.step();
  const AllocationState& state = run.trainer.state().allocation;
  REQUIRE(state.costs.size() == 3);
  for (const double c : state.costs) CHECK(c > 0);
  CHECK(state.measurements == 5 + 1);  // the pilot, and step 10: the last change is at 20
}

TEST_CASE("wrong chances, and a checkpoint of another stage, are errors") {
  Schedule schedule = randomised_mge(doubling, 5);
  schedule.stages[0].probabilities = {0.5, 0.6, 0.1};
  CHECK(
      error_of([&] { Run r(schedule); })
          .starts_with("trainer: 'randomised-mge' draws levels with probabilities from 0.1 on and "
                       "of sum 1.2"));
  schedule.stages[0].probabilities = {1.5, -0.6, 0.1};
  CHECK(error_of([&] { Run r(schedule); }).find("from -0.6 on") != std::string::npos);
  schedule.stages[0].probabilities = {0.5, 0.5};
  CHECK(error_of([&] { Run r(schedule); }) ==
        "schedule: expected a probability for each of 3 levels, got 2");
  Run run(mge(doubling, 5), adaptive);
  CHECK(error_of([&] {
          run.trainer.resume({.steps = 2, .allocation = {.batches = {1, 2}}});
        }) == "allocation: the stage of step 2 has 3 levels, what was measured for it 2");
  CHECK(run.trainer.state().steps == 0);
}
