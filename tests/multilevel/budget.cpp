// SPDX-License-Identifier: MIT
#include "multilevel/budget.h"

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

std::vector<std::int64_t> steps_of(const Schedule& schedule) {
  std::vector<std::int64_t> steps;
  for (const Stage& stage : schedule.stages) steps.push_back(stage.steps);
  return steps;
}

double dearest_step(const Schedule& schedule) {
  double most = 0;
  for (const Stage& stage : schedule.stages) most = std::max(most, work_units_per_step(stage));
  return most;
}

}  // namespace

TEST_CASE("a schedule's own work units give it back, and twice as many twice the steps") {
  const Schedule paper = full_multiscale(BatchPlan::geometric(16, 4), 2000);
  CHECK(steps_of(with_budget(paper, 28750)) == std::vector<std::int64_t>{2000, 1000, 500, 250});
  CHECK(steps_of(with_budget(paper, 57500)) == std::vector<std::int64_t>{4000, 2000, 1000, 500});
  CHECK(with_budget(paper, 57500).name == "full-multiscale");
  CHECK(with_budget(single_scale(240, 1), 480000).steps() == 2000);
}

TEST_CASE("no strategy exceeds the budget, and none misses it by a step of its dearest stage") {
  for (const std::int64_t growth : {1, 2, 4}) {
    const BatchPlan plan = BatchPlan::geometric(4, 4, growth);
    for (const auto name : strategy_names()) {
      const Schedule schedule = make_schedule(name, plan, 1 << 20);
      for (const double budget : {1000.0, 1437.5, 12345.6, 24000.0}) {
        const Schedule scaled = with_budget(schedule, budget);
        CAPTURE(name);
        CAPTURE(budget);
        CHECK(work_units(scaled) <= budget);
        CHECK(work_units(scaled) > budget - dearest_step(schedule));
        for (std::size_t i = 1; i < scaled.stages.size(); ++i) {  // half the steps, to a step
          const auto before = scaled.stages[i - 1].steps, here = scaled.stages[i].steps;
          CHECK(std::abs(before - 2 * here) <= 2);
        }
      }
    }
  }
}

TEST_CASE("what is left is spent on the dearest steps that fit") {
  const Schedule two =
      progressive_resizing(BatchPlan({4, 4}), 20);  // costs 1 and 4, steps 20 and 10
  CHECK(steps_of(with_budget(two, 60)) == std::vector<std::int64_t>{20, 10});
  CHECK(steps_of(with_budget(two, 63)) == std::vector<std::int64_t>{21, 10});  // of 21 and 10.5
  CHECK(steps_of(with_budget(two, 64)) == std::vector<std::int64_t>{22, 10});  // of 21.3 and 10.7
  CHECK(steps_of(with_budget(two, 65)) == std::vector<std::int64_t>{21, 11});  // of 21.7 and 10.8
  const double seconds[] = {0.5, 0.25};  // coarse steps may be the dearer ones
  CHECK(steps_of(with_budget(two, seconds, 25)) == std::vector<std::int64_t>{40, 20});
}

TEST_CASE("budgets that pay for too little, and costs that are none") {
  const Schedule paper = full_multiscale(BatchPlan::geometric(16, 4), 2000);
  CHECK(error_of([&] { with_budget(paper, 114.9); }) ==
        "budget: 'full-multiscale' needs at least 115 for a step of every stage, got 114.9");
  CHECK(steps_of(with_budget(paper, 115)) == std::vector<std::int64_t>{8, 4, 2, 1});
  CHECK(error_of([&] {
          with_budget(paper, std::numeric_limits<double>::quiet_NaN());
        }).find("got nan") != std::string::npos);
  const double one[] = {1.0}, bad[] = {1.0, 1.0, 0.0, 1.0};
  CHECK(error_of([&] { with_budget(paper, one, 1000); }) ==
        "budget: expected a positive cost for each of the 4 stages of 'full-multiscale'");
  CHECK(error_of([&] { with_budget(paper, bad, 1000); }).find("positive cost") !=
        std::string::npos);
}

TEST_CASE("shares of the work, in steps") {
  const Schedule paper = full_multiscale(BatchPlan::geometric(16, 4), 2000);  // 4000 7000 8500 9250
  CHECK(steps_of_share(paper, 0) == 0);
  CHECK(steps_of_share(paper, 4000.0 / 28750) == 2000);
  CHECK(steps_of_share(paper, 4007.0 / 28750) == 2001);
  CHECK(steps_of_share(paper, 0.5) == 2000 + 1000 + 199);  // 3375 WU left at 17 a step
  CHECK(steps_of_share(paper, 1) == 3750);
  for (int k = 1; k <= 10; ++k) CHECK(steps_of_share(single_scale(3, 10), k / 10.0) == k);
  CHECK_THROWS_AS((void)steps_of_share(paper, 1.1), Error);
}
