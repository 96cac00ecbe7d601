// SPDX-License-Identifier: MIT
#include "apps/comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>

namespace telescope::app {
namespace {

using Kind = RunResult::Kind;

bool finished(const RunSummary& run) { return run.result.kind != Kind::diverged; }

Statistics statistics_of(const std::vector<RunSummary>& seeds, double StrategyRow::*member) {
  std::vector<double> values;
  for (const RunSummary& run : seeds) {
    if (finished(run)) values.push_back(run.row.*member);
  }
  return statistics(values);
}

// "diverged at step 12", of one run; nothing if it went as planned.
std::string remark_of(const RunSummary& run, bool targeted) {
  switch (run.result.kind) {
    case Kind::diverged:
      return fmt::format("diverged at step {}", run.result.steps + 1);
    case Kind::out_of_time:
      return fmt::format("over the budget, stopped after step {}", run.result.steps);
    case Kind::completed:
      return targeted ? "target not reached" : "";
    case Kind::reached_target:
      return "target reached";
  }
  return "";
}

std::string remarks_of(const std::vector<RunSummary>& seeds, bool targeted) {
  const std::string first = remark_of(seeds.front(), targeted);
  if (std::all_of(seeds.begin(), seeds.end(),
                  [&](const RunSummary& run) { return remark_of(run, targeted) == first; })) {
    return first;
  }
  std::string text;
  for (const RunSummary& run : seeds) {
    const std::string remark = remark_of(run, targeted);
    if (remark.empty()) continue;
    text += fmt::format("{}seed {} {}", text.empty() ? "" : "; ", run.seed, remark);
  }
  return text;
}

// A point of the segment from value i - 1 to value i.
double between(const std::vector<double>& axis, std::size_t i, double share) {
  return axis[i - 1] + share * (axis[i] - axis[i - 1]);
}

const RunSummary* finished_of_seed(const std::vector<RunSummary>& runs, std::uint64_t seed) {
  const auto found = std::find_if(runs.begin(), runs.end(), [&](const RunSummary& run) {
    return run.seed == seed && finished(run);
  });
  return found == runs.end() ? nullptr : &*found;
}

// What each pair of runs says, as a column for each quantity.
struct Pairs {
  std::vector<double> work, time, ratio, difference;
  std::vector<double> reach_work, reach_time, reach_work_ratio, reach_time_ratio;
};

// Unmeasured where there is nothing to divide by.
double quotient(double a, double b) { return b > 0 ? a / b : kUnmeasured; }

void add_reach(Versus& versus, Pairs& pairs, const RunSummary& run, const RunSummary& base,
               double level) {
  const auto reached = first_crossing(run.validation, level);
  const auto base_reached = first_crossing(base.validation, level);
  if (!reached) return;
  ++versus.reached;
  versus.at_once = versus.at_once || reached->at_once;
  pairs.reach_work.push_back(reached->work_units);
  pairs.reach_time.push_back(reached->seconds);
  if (!base_reached) return;  // a target that the baseline did not reach
  pairs.reach_work_ratio.push_back(quotient(base_reached->work_units, reached->work_units));
  pairs.reach_time_ratio.push_back(quotient(base_reached->seconds, reached->seconds));
}

void put(const std::vector<double>& values, double& mean, double& spread) {
  const Statistics all = statistics(values);
  mean = all.mean, spread = all.deviation;
}

// Means over some seeds only would be those of the lucky ones.
void put_reach(Versus& v, const Pairs& pairs) {
  const auto all = static_cast<std::size_t>(v.seeds);
  if (pairs.reach_work.size() < all) return;
  put(pairs.reach_work, v.reach_work_units, v.reach_work_units_spread);
  put(pairs.reach_time, v.reach_seconds, v.reach_seconds_spread);
  if (pairs.reach_work_ratio.size() < all) return;
  put(pairs.reach_work_ratio, v.reach_work_speedup, v.reach_work_speedup_spread);
  put(pairs.reach_time_ratio, v.reach_time_speedup, v.reach_time_speedup_spread);
}

}  // namespace

Statistics statistics(const std::vector<double>& values) {
  Statistics result;
  const auto n = static_cast<double>(values.size());
  if (values.empty()) return result;
  result.mean = 0;
  for (const double value : values) result.mean += value / n;
  if (values.size() < 2) return result;
  double square = 0;
  for (const double value : values) square += std::pow(value - result.mean, 2);
  result.deviation = std::sqrt(square / (n - 1));
  return result;
}

std::optional<Crossing> first_crossing(const Curve& curve, double level) {
  const auto& value = curve.value;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!(value[i] <= level)) continue;
    if (i == 0) return Crossing{curve.work_units[0], curve.seconds[0], true};
    const double share = (value[i - 1] - level) / (value[i - 1] - value[i]);
    return Crossing{between(curve.work_units, i, share), between(curve.seconds, i, share)};
  }
  return {};
}

std::vector<std::string> baselines_among(const std::vector<std::string>& strategies) {
  std::vector<std::string> names;
  for (const char* name : {"single-scale", "single-scale-small"}) {
    if (std::find(strategies.begin(), strategies.end(), name) != strategies.end()) {
      names.emplace_back(name);
    }
  }
  return names.empty() && !strategies.empty() ? std::vector{strategies.front()} : names;
}

StrategyRow row_of(const std::vector<RunSummary>& seeds, bool targeted) {
  const auto of = [&](double StrategyRow::*member) { return statistics_of(seeds, member); };
  StrategyRow row{.name = seeds.front().row.name};
  row.steps = of(&StrategyRow::steps).mean;
  row.flop = of(&StrategyRow::flop).mean;
  const auto put = [&](double StrategyRow::*member, double StrategyRow::*spread) {
    row.*member = of(member).mean;
    row.*spread = of(member).deviation;
  };
  put(&StrategyRow::work_units, &StrategyRow::work_units_spread);
  put(&StrategyRow::seconds, &StrategyRow::seconds_spread);
  put(&StrategyRow::mse, &StrategyRow::mse_spread);
  put(&StrategyRow::psnr, &StrategyRow::psnr_spread);
  put(&StrategyRow::ssim, &StrategyRow::ssim_spread);
  row.seeds = static_cast<int>(std::count_if(seeds.begin(), seeds.end(), finished));
  for (const RunSummary& run : seeds) {
    row.peak_memory_bytes = std::fmax(row.peak_memory_bytes, run.row.peak_memory_bytes);
  }
  row.remark = remarks_of(seeds, targeted);
  return row;
}

std::vector<MeshRow> mesh_rows_of(const std::vector<RunSummary>& seeds) {
  std::vector<MeshRow> rows = seeds.front().meshes;
  for (std::size_t m = 0; m < rows.size(); ++m) {
    for (auto member : {&MeshRow::loss, &MeshRow::gradient_norm, &MeshRow::variance,
                        &MeshRow::seconds, &MeshRow::flop}) {
      std::vector<double> values;
      for (const RunSummary& run : seeds) {
        if (finished(run)) values.push_back(run.meshes[m].*member);
      }
      rows[m].*member = statistics(values).mean;
    }
  }
  return rows;
}

Versus compare_runs(const std::vector<RunSummary>& seeds, const std::vector<RunSummary>& baseline,
                    std::optional<double> target) {
  Versus versus{.strategy = seeds.front().row.name, .baseline = baseline.front().row.name};
  Pairs pairs;
  for (const RunSummary& run : seeds) {
    const RunSummary* base = finished_of_seed(baseline, run.seed);
    if (base == nullptr) continue;
    ++versus.seeds;
    if (!finished(run)) continue;  // which has not reached what there was to reach
    pairs.work.push_back(quotient(base->row.work_units, run.row.work_units));
    pairs.time.push_back(quotient(base->row.seconds, run.row.seconds));
    pairs.ratio.push_back(quotient(run.row.mse, base->row.mse));
    pairs.difference.push_back(run.row.mse - base->row.mse);
    add_reach(versus, pairs, run, *base, target.value_or(base->row.mse));
  }
  versus.work_speedup = statistics(pairs.work).mean;
  versus.time_speedup = statistics(pairs.time).mean;
  put(pairs.ratio, versus.mse_ratio, versus.mse_ratio_spread);
  put(pairs.difference, versus.mse_difference, versus.mse_difference_spread);
  put_reach(versus, pairs);
  return versus;
}

}  // namespace telescope::app
