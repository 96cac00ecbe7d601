// SPDX-License-Identifier: MIT
#include "multilevel/schedule.h"

#include <cmath>

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("work units of the paper, to the digit") {
  const BatchPlan plan = BatchPlan::geometric(16, 4);
  CHECK(plan.str() == "16,32,64,128");
  CHECK(plan.samples() == 240);
  CHECK(work_units(single_scale(plan.samples(), 2000)) == 480000);
  CHECK(work_units(single_scale(16, 8000)) == 128000);
  CHECK(work_units(mge(plan, 2000)) == 74000);
  CHECK(work_units(full_multiscale(plan, 2000)) == 28750);
}

TEST_CASE("Full-Multiscale goes from the coarsest mesh to the finest and halves its steps") {
  const Schedule schedule = full_multiscale(BatchPlan::geometric(16, 4), 2000);
  REQUIRE(schedule.stages.size() == 4);
  const char* plans[] = {"128", "64,128", "32,64,128", "16,32,64,128"};
  for (int i = 0; i < 4; ++i) {
    const Stage& stage = schedule.stages[static_cast<std::size_t>(i)];
    CHECK(stage.finest == Mesh{3 - i});
    CHECK(stage.coarsest() == Mesh{3});
    CHECK(stage.plan.str() == plans[i]);
    CHECK(stage.steps == 2000 >> i);
  }
  CHECK(schedule.steps() == 3750);
  CHECK(schedule.meshes() == 4);
  CHECK(schedule.stage_at(1999).finest == Mesh{3});
  CHECK(schedule.stage_at(2000).finest == Mesh{2});
  CHECK(schedule.step_of_stage(1999) == 1999);
  CHECK(schedule.step_of_stage(2000) == 0);
  CHECK(schedule.step_of_stage(3749) == 249);
  CHECK(schedule.stage_at(3749).finest == Mesh{0});
  CHECK_THROWS_AS((void)schedule.stage_at(3750), Error);
}

TEST_CASE("baselines") {
  const BatchPlan plan = BatchPlan::geometric(4, 4);
  CHECK(work_units(full_multiscale(plan, 400)) == 1437.5);
  CHECK(work_units(progressive_resizing(plan, 1600)) == 3200);
  CHECK(work_units(progressive_resizing(BatchPlan::geometric(1, 4, 4), 400)) == 750);
  CHECK(work_units(random_resizing(plan, 400)) == 400 * (4 + 2 + 1 + 0.5) / 4);
  CHECK(work_units(make_schedule("single-scale", plan, 400)) == 24000);
  CHECK(work_units(make_schedule("single-scale-small", plan, 3000)) == 12000);
  // One term a step: p_l = sqrt(1/(N_l C_l)) over their sum, at N_l C_l WU.
  const Stage stage = randomised_mge(BatchPlan({1, 4}), 400).stages.front();
  CHECK(stage.probability(0) == doctest::Approx(2 / (2 + std::sqrt(5.0))));  // of 1.25 and 1 WU
  CHECK(stage.probability(0) + stage.probability(1) == doctest::Approx(1));
  CHECK(work_units_per_step(stage) ==
        doctest::Approx(1.25 * stage.probability(0) + stage.probability(1)));
  for (const auto name : strategy_names()) CHECK(make_schedule(name, plan, 10).name == name);
}

TEST_CASE("wrong plans and sizes") {
  CHECK(error_of([] {
          BatchPlan({4, 0, 16});
        }) == "batch plan: expected at least 1 image on every level, got 4,0,16");
  CHECK(error_of([] { BatchPlan({}); }) == "batch plan: expected at least one level, got none");
  CHECK(error_of([] { check_meshes(36, 64, 4); }) ==
        "meshes: 4 meshes need images of a multiple of 8 and at least 16 pixels a side, got 36x64");
  CHECK(error_of([] { make_schedule("sgd", BatchPlan({1}), 1); }).find("full-multiscale") !=
        std::string::npos);
  CHECK(error_of([] { mge(BatchPlan({1}), 0); }) == "schedule: expected at least 1 step, got 0");
  check_meshes(64, 32, 4);
  const BatchPlan plan({1, 2});
  CHECK(error_of([&] { (void)plan[2]; }) == "batch plan: 1,2 has no level 2");
  CHECK(error_of([&] { (void)plan[-1]; }) == "batch plan: 1,2 has no level -1");
  CHECK(error_of([&] { (void)plan.from(3); }) == "batch plan: 1,2 has no level 3");
  CHECK(error_of([&] { (void)plan.from(-1); }) == "batch plan: 1,2 has no level -1");
}

TEST_CASE("the cost of an image falls by four from mesh to mesh, on any") {
  for (int l = 0; l < 60; ++l) CHECK(Mesh{l + 1}.cost() * 4 == Mesh{l}.cost());
}
