// SPDX-License-Identifier: MIT
// What a run or a comparison has to show: one self-contained page, tables for the terminal, CSV and
// JSON. Plain values in, text out; nothing here knows how they were measured.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace telescope::app {

/// Stands for a number that was not measured; shown as a dash, left empty in CSV, null in JSON.
inline constexpr double kUnmeasured = std::numeric_limits<double>::quiet_NaN();

/// A quantity along a run: value[i] after steps[i] steps, work_units[i] WU, seconds[i] seconds and
/// flop[i] floating-point operations of training. An empty abscissa leaves the curve out of that
/// chart; else all are equally long. Curves of the same label and panel are the seeds of one thing:
/// they are drawn as their mean and, between lowest and highest, a band.
struct Curve {
  std::string label = {};
  std::string panel = {};  ///< the chart it belongs in, where its group has one for each strategy
  std::vector<double> steps = {}, work_units = {}, seconds = {}, flop = {}, value = {};
};

/// A line of the table of strategies: means over the seeds that came to their end, and sample
/// standard deviations where there are two or more.
struct StrategyRow {
  std::string name = {};
  double steps = kUnmeasured, work_units = kUnmeasured, seconds = kUnmeasured, flop = kUnmeasured;
  double peak_memory_bytes = kUnmeasured;                            ///< the highest of all
  double mse = kUnmeasured, psnr = kUnmeasured, ssim = kUnmeasured;  ///< on the validation set
  int seeds = 1;  ///< those that came to their end
  double work_units_spread = kUnmeasured, seconds_spread = kUnmeasured;
  double mse_spread = kUnmeasured, psnr_spread = kUnmeasured, ssim_spread = kUnmeasured;
  std::string remark = {};  ///< "seed 1 diverged at step 12", "stopped: over the budget"
};

/// One strategy against a baseline, seed by seed: means of the ratios over the seeds that both have
/// finished, and their sample standard deviations where there are two or more.
struct Versus {
  std::string strategy = {}, baseline = {};
  int seeds = 0;  ///< that the baseline has finished
  /// How many times fewer WU and seconds the whole runs took.
  double work_speedup = kUnmeasured, time_speedup = kUnmeasured;
  double mse_ratio = kUnmeasured, mse_ratio_spread = kUnmeasured;            ///< below 1: better
  double mse_difference = kUnmeasured, mse_difference_spread = kUnmeasured;  ///< below 0: better
  /// To reach the loss that the baseline had at its end, or the target of the comparison: how many
  /// seeds reached it; WU and seconds at which they did, unmeasured unless all did; and how many
  /// times fewer that is than the baseline took to reach it.
  int reached = 0;
  bool at_once = false;  ///< a seed had it at its first validation: WU and seconds are upper bounds
  double reach_work_units = kUnmeasured, reach_work_units_spread = kUnmeasured;
  double reach_seconds = kUnmeasured, reach_seconds_spread = kUnmeasured;
  double reach_work_speedup = kUnmeasured, reach_work_speedup_spread = kUnmeasured;
  double reach_time_speedup = kUnmeasured, reach_time_speedup_spread = kUnmeasured;
};

/// What one mesh saw in the training of one strategy; totals are over the run.
struct MeshRow {
  std::string strategy = {};
  int mesh = 0;
  std::int64_t size = 0;  ///< pixels of an edge, 0 if unknown
  double loss = kUnmeasured, gradient_norm = kUnmeasured, variance = kUnmeasured;
  double seconds = kUnmeasured, flop = kUnmeasured;
};

/// A PNG file's bytes.
struct Picture {
  std::string png = {};
  std::string caption = {};  ///< stands below it
  std::string alt = {};      ///< what is on it, for those who cannot see it; the caption if empty
};

using NamedValues = std::vector<std::pair<std::string, std::string>>;

struct Report {
  std::string title = {}, command_line = {};
  std::string budget = {};            ///< of a comparison at equal budget: "24,000 WU"
  std::optional<double> target = {};  ///< the validation MSE at which runs were stopped
  NamedValues configuration = {};
  NamedValues environment = {};  ///< machine, compiler, threads, version, date, ...
  std::vector<StrategyRow> strategies = {};
  std::vector<Versus> versus = {};  ///< all strategies against one baseline, then the next
  std::vector<Curve> training = {}, validation = {};
  std::string training_name = "Training loss", validation_name = "Validation MSE";
  std::vector<Curve> gradient_norms = {}, variances = {};  ///< a panel for each strategy
  std::vector<MeshRow> meshes = {};
  std::vector<Picture> pictures = {};
};

/// The names of the baselines in Report::versus, in their order.
std::vector<std::string> baselines(const Report& report);

/// The page: no other file and no network needed. Curves of more than 1000 points are drawn from
/// the means of as many neighbours. Error if a curve's lengths differ or a picture is no PNG.
std::string render_html(const Report& report);

/// Header and cells of the table of strategies, and of that against one baseline.
using Cells = std::vector<std::vector<std::string>>;
Cells strategy_cells(const Report& report);
Cells versus_cells(const Report& report, const std::string& baseline);
/// What the table against a baseline means, for those who did not make it.
std::string versus_caption(const Report& report, const std::string& baseline);
/// All tables in aligned columns, for a terminal of any width above 150.
std::string format_tables(const Report& report);
/// A row for each strategy with all digits, against each baseline in columns of its own.
std::string to_csv(const Report& report);
/// Everything but the pictures.
nlohmann::json to_json(const Report& report);

}  // namespace telescope::app
