// SPDX-License-Identifier: MIT
#include "apps/comparison.h"

#include <cmath>

#include "apps/report_charts.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::app;

namespace {

using Kind = RunResult::Kind;

// A run of 100 WU and 10 seconds whose validation loss took these values at equal distances.
RunSummary run_of(const std::string& name, std::uint64_t seed, const std::vector<double>& losses,
                  double work = 100) {
  RunSummary run;
  run.seed = seed;
  run.result = {Kind::completed, 50};
  run.row = {.name = name, .steps = 50, .work_units = work, .seconds = work / 10};
  run.row.mse = losses.back();
  run.row.psnr = 20;
  run.validation.label = name;
  for (std::size_t i = 0; i < losses.size(); ++i) {
    const double share = static_cast<double>(i + 1) / static_cast<double>(losses.size());
    run.validation.steps.push_back(50 * share);
    run.validation.work_units.push_back(work * share);
    run.validation.seconds.push_back(work / 10 * share);
    run.validation.value.push_back(losses[i]);
  }
  return run;
}

}  // namespace

TEST_CASE("mean and sample standard deviation, of two and more") {
  CHECK(std::isnan(statistics({}).mean));
  CHECK(statistics({3}).mean == 3);
  CHECK(std::isnan(statistics({3}).deviation));
  CHECK(statistics({1, 2, 3, 6}).mean == 3);
  CHECK(statistics({1, 2, 3, 6}).deviation == doctest::Approx(std::sqrt(14.0 / 3)));
}

TEST_CASE("where a curve first comes down to a level, between its points") {
  const Curve curve = run_of("a", 0, {8, 4, 5, 1}).validation;  // at 25, 50, 75, 100 WU
  const auto at = [&](double level) { return first_crossing(curve, level); };
  CHECK(at(6)->work_units == 37.5);
  CHECK(at(6)->seconds == 3.75);
  CHECK(at(4)->work_units == 50);
  CHECK(at(4.5)->work_units == 46.875);  // that it rises again later changes nothing
  CHECK(at(3)->work_units == 87.5);
  CHECK(at(1)->work_units == 100);
  CHECK_FALSE(at(0.9));
  CHECK_FALSE(at(6)->at_once);
  CHECK(at(8)->at_once);
  CHECK(at(8)->work_units == 25);
  CHECK_FALSE(first_crossing(Curve{}, 1));
}

TEST_CASE("both single scales are the baselines; else the first strategy") {
  using Names = std::vector<std::string>;
  CHECK(baselines_among({"mge", "single-scale-small", "single-scale"}) ==
        Names{"single-scale", "single-scale-small"});
  CHECK(baselines_among({"mge", "single-scale-small"}) == Names{"single-scale-small"});
  CHECK(baselines_among({"mge", "full-multiscale"}) == Names{"mge"});
}

TEST_CASE("strategies are held against a baseline seed by seed") {
  const std::vector<RunSummary> base = {run_of("base", 0, {8, 6, 4, 2}),
                                        run_of("base", 1, {9, 4, 4, 4})};
  const std::vector<RunSummary> fast = {run_of("fast", 0, {4, 2, 1, 1}, 50),
                                        run_of("fast", 1, {5, 3, 2, 2}, 50)};
  const Versus v = compare_runs(fast, base);
  CHECK(v.seeds == 2);
  CHECK(v.work_speedup == 2);
  CHECK(v.time_speedup == 2);
  CHECK(v.mse_ratio == 0.5);
  CHECK(v.mse_ratio_spread == 0);
  CHECK(v.mse_difference == -1.5);
  CHECK(v.mse_difference_spread == doctest::Approx(std::sqrt(0.5)));
  // Seed 0 reaches 2 after 25 WU, the baseline after 100; seed 1 reaches 4 after 18.75, it after 50.
  CHECK(v.reached == 2);
  CHECK_FALSE(v.at_once);
  CHECK(v.reach_work_units == 21.875);
  CHECK(v.reach_work_speedup == doctest::Approx((4 + 50 / 18.75) / 2));
  CHECK(v.reach_time_speedup == doctest::Approx((4 + 50 / 18.75) / 2));
  CHECK(v.reach_seconds == doctest::Approx(2.1875));
  // Against itself all is one.
  const Versus self = compare_runs(base, base);
  CHECK(self.mse_ratio == 1);
  CHECK(self.reach_work_speedup == 1);
}

TEST_CASE("a loss that only some seeds reach has no mean") {
  const std::vector<RunSummary> base = {run_of("base", 0, {8, 2}), run_of("base", 1, {8, 2})};
  const std::vector<RunSummary> some = {run_of("some", 0, {4, 1}), run_of("some", 1, {4, 3})};
  const Versus v = compare_runs(some, base);
  CHECK(v.reached == 1);
  CHECK(v.seeds == 2);
  CHECK(std::isnan(v.reach_work_units));
  CHECK(std::isnan(v.reach_work_speedup));
  CHECK(v.mse_ratio == 1);
  // To a target that the baseline does not reach there is a work, and nothing to divide.
  const Versus target = compare_runs(some, base, 1.5);
  CHECK(target.reached == 1);
  const Versus both = compare_runs(base, some, 3.0);
  CHECK(both.reached == 2);
  CHECK(both.reach_work_units == doctest::Approx(50 + 50.0 * 5 / 6));
  const Versus none = compare_runs(some, {run_of("base", 0, {8, 7})}, 4.0);
  CHECK(none.seeds == 1);
  CHECK(none.at_once);
  CHECK(none.reach_work_units == 50);
  CHECK(std::isnan(none.reach_work_speedup));
}

TEST_CASE("runs that diverged are in no mean, and the remark says so") {
  std::vector<RunSummary> runs = {run_of("a", 5, {4, 2}), run_of("a", 6, {4, 1}),
                                  run_of("a", 7, {4, 4})};
  runs[1].result = {Kind::diverged, 11};
  runs[1].row.mse = kUnmeasured;
  runs[1].row.peak_memory_bytes = 7;
  const StrategyRow row = row_of(runs);
  CHECK(row.seeds == 2);
  CHECK(row.mse == 3);
  CHECK(row.mse_spread == doctest::Approx(std::sqrt(2.0)));
  CHECK(row.remark == "seed 6 diverged at step 12");
  CHECK(row.peak_memory_bytes == 7);
  CHECK(compare_runs(runs, runs).seeds == 2);
  // But they have not reached what the baseline did: the others alone would be the lucky ones.
  const Versus v = compare_runs(
      runs, {run_of("base", 5, {8, 4}), run_of("base", 6, {8, 4}), run_of("base", 7, {8, 4})});
  CHECK(v.seeds == 3);
  CHECK(v.reached == 2);
  CHECK(v.mse_ratio == doctest::Approx((0.5 + 1) / 2));
  CHECK(std::isnan(v.reach_work_speedup));
  const StrategyRow one = row_of({runs[1]});
  CHECK(one.remark == "diverged at step 12");
  CHECK(one.seeds == 0);
  CHECK(std::isnan(one.mse));
  CHECK(std::isnan(one.mse_spread));
  runs[0].result.kind = Kind::out_of_time;
  CHECK(row_of({runs[0]}).remark == "over the budget, stopped after step 50");
  runs[0].result.kind = Kind::reached_target;
  CHECK(row_of({runs[0], runs[2]}, true).remark ==
        "seed 5 target reached; seed 7 target not reached");
  CHECK(row_of({runs[2]}).remark.empty());
}

TEST_CASE("what meshes saw is a mean over the seeds, without those that diverged") {
  std::vector<RunSummary> runs(3);
  for (std::size_t i = 0; i < 3; ++i) {
    const auto value = static_cast<double>(i);
    runs[i].meshes = {{.strategy = "a", .mesh = 0, .size = 8, .loss = value, .seconds = 10 * value},
                      {.strategy = "a", .mesh = 1, .size = 4, .loss = 1, .seconds = value}};
  }
  runs[0].result.kind = Kind::diverged;
  runs[1].meshes[1].seconds = kUnmeasured;
  const auto rows = mesh_rows_of(runs);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].strategy == "a");
  CHECK(rows[1].size == 4);
  CHECK(rows[0].loss == 1.5);
  CHECK(rows[0].seconds == 15);
  CHECK(rows[1].loss == 1);
  CHECK(std::isnan(rows[1].seconds));
}

TEST_CASE("seeds that were measured at the same steps become a band; others stay lines") {
  std::vector<Curve> curves = {
      run_of("a", 0, {8, 2}).validation, run_of("a", 1, {6, 3}, 50).validation,
      run_of("b", 0, {5, 5}).validation, run_of("a", 2, {9, 9, 9}).validation};
  const auto bands = bands_of(curves);
  REQUIRE(bands.size() == 3);
  using Values = std::vector<double>;
  CHECK(bands[0].mean.value == Values{7, 2.5});
  CHECK(bands[0].mean.work_units == Values{37.5, 75});
  CHECK(bands[0].low == Values{6, 2});
  CHECK(bands[0].high == Values{8, 3});
  CHECK(bands[1].mean.label == "b");
  CHECK(bands[1].low.empty());
  CHECK(bands[2].mean.value.size() == 3);
  curves[1].panel = "other";
  CHECK(bands_of(curves).size() == 4);
}
