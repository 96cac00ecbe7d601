// SPDX-License-Identifier: MIT
#include "multilevel/allocation.h"

#include <cmath>
#include <limits>

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

using Values = std::vector<double>;

// The least predicted variance of any whole numbers under a budget, by trying them all.
double least_variance(const Values& variances, const Values& costs, double budget,
                      std::size_t level = 0) {
  double reserved = 0, least = std::numeric_limits<double>::infinity();
  for (std::size_t l = level + 1; l < costs.size(); ++l) reserved += costs[l];
  for (std::int64_t n = 1; static_cast<double>(n) * costs[level] + reserved <= budget; ++n) {
    const double samples = static_cast<double>(n);
    double variance = variances[level] / samples;
    if (level + 1 < costs.size()) {
      variance += least_variance(variances, costs, budget - samples * costs[level], level + 1);
    }
    least = std::min(least, variance);
  }
  return least;
}

// Variances that fall by random factors around 4 with every finer level, as differences of smooth
// functions do.
Values random_variances(RandomSequence& random, int levels) {
  Values variances;
  for (int l = 0; l < levels; ++l) {
    variances.push_back(std::pow(4.0, l) * std::pow(10.0, -2.0 * random.uniform()));
  }
  return variances;
}

}  // namespace

TEST_CASE("what a sample of each level costs") {
  CHECK(level_costs(Mesh{0}, 3) == Values{1.25, 0.3125, 0.0625});
  CHECK(level_costs(Mesh{1}, 2) == Values{0.3125, 0.0625});
  CHECK(level_costs(Mesh{0}, 1) == Values{1});
  const BatchPlan plan({16, 32, 64, 128});
  CHECK(work_units(plan) == 37);
  CHECK(cost(level_costs(Mesh{0}, 4), plan) == 37);
  CHECK(work_units(plan.from(1), Mesh{1}) == 17);
  CHECK(predicted_variance(Values{16, 16, 16, 16}, plan) == 1 + 0.5 + 0.25 + 0.125);
}

TEST_CASE("samples go with the root of variance over cost") {
  // sqrt(V/C) is 4, 8, 2, and these samples cost 4 + 16 + 8.
  const Values variances{16, 128, 16}, costs{1, 2, 4};
  CHECK(optimal_plan(variances, costs, 28).str() == "4,8,2");
  CHECK(optimal_plan(variances, costs, 280).str() == "40,80,20");
  CHECK(optimal_plan_for_variance(variances, costs, 4 + 16 + 8).str() == "4,8,2");
  CHECK(optimal_plan_for_variance(variances, costs, 2.8).str() == "40,80,20");
  // Another unit of cost changes nothing but the budget.
  CHECK(optimal_plan(variances, Values{1e-6, 2e-6, 4e-6}, 28e-6).str() == "4,8,2");
}

TEST_CASE("whole numbers are as good as any under the budget, and keep it") {
  RandomSequence random(RandomKey(5, "plans"));
  int best = 0;
  const int trials = 200;
  for (int trial = 0; trial < trials; ++trial) {
    const int levels = 1 + static_cast<int>(random.below(3));
    const Values variances = random_variances(random, levels), costs = level_costs({}, levels);
    double ones = 0;
    for (const double c : costs) ones += c;
    const double budget = ones * (1 + 9.0 * random.uniform());
    const BatchPlan plan = optimal_plan(variances, costs, budget);
    CHECK(cost(costs, plan) <= budget);
    const double least = least_variance(variances, costs, budget);
    CHECK(predicted_variance(variances, plan) <= 1.02 * least);
    best += predicted_variance(variances, plan) <= least * (1 + 1e-12);
  }
  CHECK(best >= 0.97 * trials);
}

TEST_CASE("the cheapest plan of a given variance") {
  RandomSequence random(RandomKey(6, "targets"));
  for (int trial = 0; trial < 30; ++trial) {
    const Values variances = random_variances(random, 3), costs = level_costs({}, 3);
    const double target = 0.02 + random.uniform();
    const BatchPlan plan = optimal_plan_for_variance(variances, costs, target);
    CHECK(predicted_variance(variances, plan) <= target);
    // With two samples of the finest level less to spend, no plan is as good.
    const double less = cost(costs, plan) - 2 * costs[0];
    if (less >= costs[0] + costs[1] + costs[2]) {
      CHECK(least_variance(variances, costs, less) > target);
    }
  }
  CHECK(optimal_plan_for_variance(Values{1, 1}, Values{1, 1}, 100).str() == "1,1");
}

TEST_CASE("for the cost of doubling batches, optimal ones vary less or as much") {
  RandomSequence random(RandomKey(7, "doubling"));
  const BatchPlan doubling = BatchPlan::geometric(16, 4);
  const Values costs = level_costs(Mesh{0}, 4);
  double largest_gain = 0;
  for (int trial = 0; trial < 50; ++trial) {
    const Values variances = random_variances(random, 4);
    const BatchPlan plan = optimal_plan(variances, costs, cost(costs, doubling));
    CHECK(cost(costs, plan) <= 37);
    const double ratio =
        predicted_variance(variances, doubling) / predicted_variance(variances, plan);
    CHECK(ratio >= 1);
    largest_gain = std::max(largest_gain, ratio);
  }
  CHECK(largest_gain > 1.5);
  // Where doubling is optimal, V_l = N_l^2 C_l, it is found again.
  const Values made_for_it{256 * costs[0], 1024 * costs[1], 4096 * costs[2], 16384 * costs[3]};
  CHECK(optimal_plan(made_for_it, costs, 37) == doubling);
}

TEST_CASE("levels that do not vary get one sample, and the rest is not wasted on them") {
  CHECK(optimal_plan(Values{0, 1}, Values{1, 1}, 10).str() == "1,9");
  CHECK(optimal_plan(Values{1, 0}, Values{1, 1}, 10).str() == "9,1");
  CHECK(optimal_plan(Values{3}, Values{1}, 7.5).str() == "7");
  // 0.9 of a unit is left, and would buy 900 samples of next to no use.
  CHECK(optimal_plan(Values{1, 1e-30}, Values{1, 1e-3}, 1.9)[1] <= 4);
  const BatchPlan still = optimal_plan(Values{0, 0}, Values{1, 1}, 10);
  CHECK(cost(Values{1, 1}, still) <= 10);
  // Just enough for one of each.
  const Values costs = level_costs(Mesh{0}, 4);
  CHECK(optimal_plan(Values{1, 2, 3, 4}, costs, work_units(BatchPlan({1, 1, 1, 1}))).str() ==
        "1,1,1,1");
}

TEST_CASE("seconds a sample, from the times of a step's passes") {
  std::vector<MeshReport> meshes(3);
  meshes[0].samples = 2, meshes[0].seconds = 8;   // 2 images
  meshes[1].samples = 4, meshes[1].seconds = 6;   // 4, and 2 coarse sides
  meshes[2].samples = 16, meshes[2].seconds = 5;  // 16, and 4 coarse sides
  CHECK(measured_costs(meshes) == Values{4 + 1, 1 + 0.25, 0.25});
  meshes[1].mesh = Mesh{1};
  meshes[1].seconds.reset();
  CHECK(error_of([&] { measured_costs(meshes); }) ==
        "allocation: the passes on mesh1 were not timed");
}

TEST_CASE("chances of drawing one term alone") {
  const Values p = term_probabilities(Values{1, 4, 36}, Values{1, 1, 4});
  CHECK(p[0] == doctest::Approx(1.0 / 6));
  CHECK(p[1] == doctest::Approx(2.0 / 6));
  CHECK(p[2] == doctest::Approx(3.0 / 6));
  CHECK(error_of([] {
          term_probabilities(Values{1, 0}, Values{1, 1});
        }) == "allocation: expected a second moment above 0, got 0");
}

TEST_CASE("wrong requests") {
  const Values one{1}, two{1, 1};
  CHECK(error_of([&] { optimal_plan(one, two, 10); }) ==
        "allocation: expected a variance for each of 2 levels, got 1");
  CHECK(error_of([&] { optimal_plan(Values{}, Values{}, 10); }) ==
        "allocation: expected a cost for each of 0 levels, got 0");
  CHECK(error_of([&] {
          optimal_plan(Values{1, -1}, two, 10);
        }) == "allocation: expected variances of 0 or more, got -1");
  CHECK(error_of([&] {
          optimal_plan(Values{1, NAN}, two, 10);
        }) == "allocation: expected variances of 0 or more, got nan");
  CHECK(error_of([&] {
          optimal_plan(two, Values{1, 0}, 10);
        }) == "allocation: expected a cost above 0, got 0");
  CHECK(error_of([&] { optimal_plan(two, two, 1.5); }) ==
        "allocation: expected a budget of at least 2, one sample of every level, got 1.5");
  CHECK(error_of([&] { optimal_plan(two, two, INFINITY); }).starts_with("allocation: expected a"));
  CHECK(error_of([&] { optimal_plan(two, two, 1e30); }) ==
        "allocation: a budget of 1e+30 buys more than 536870912 samples of one level");
  CHECK(error_of([&] { optimal_plan_for_variance(two, two, 0); }) ==
        "allocation: expected a target of variance above 0, got 0");
  CHECK(error_of([&] {
          (void)predicted_variance(one, BatchPlan({1, 2}));
        }) == "allocation: expected a variance for each of 2 levels, got 1");
}
