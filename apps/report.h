// SPDX-License-Identifier: MIT
// What a run or a comparison has to show: one self-contained page, a table for the terminal, CSV
// and JSON. Plain values in, text out; nothing here knows how they were measured.
#pragma once

#include <cstdint>
#include <limits>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <utility>
#include <vector>

namespace telescope::app {

/// Stands for a number that was not measured; shown as a dash, left empty in CSV, null in JSON.
inline constexpr double kUnmeasured = std::numeric_limits<double>::quiet_NaN();

/// A quantity along a run: value[i] after steps[i] steps, work_units[i] WU and seconds[i] seconds
/// of training. An empty abscissa leaves the curve out of that chart; else all are equally long.
/// Curves of the same label (several seeds) share a colour.
struct Curve {
  std::string label = {};
  std::vector<double> steps = {}, work_units = {}, seconds = {}, value = {};
};

/// A line of the table of strategies.
struct StrategyRow {
  std::string name = {};
  double work_units = kUnmeasured, seconds = kUnmeasured, peak_memory_bytes = kUnmeasured;
  double mse = kUnmeasured, psnr = kUnmeasured;  ///< on the validation set, means over the seeds
  int seeds = 1;
  double mse_spread = kUnmeasured, psnr_spread = kUnmeasured;  ///< standard deviations over seeds
  /// How many times fewer WU and seconds than `baseline` (the name of another row) took.
  std::string baseline = {};
  double work_speedup = kUnmeasured, time_speedup = kUnmeasured;
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
  NamedValues configuration = {};
  NamedValues environment = {};  ///< machine, compiler, threads, version, date, ...
  std::vector<StrategyRow> strategies = {};
  std::vector<Curve> training = {}, validation = {};
  std::string training_name = "Training loss", validation_name = "Validation MSE";
  std::vector<MeshRow> meshes = {};
  std::vector<Picture> pictures = {};
};

/// Fills work_speedup and time_speedup of all rows against the row of the name given, which becomes
/// their baseline. Error if there is none.
void compare_with(std::vector<StrategyRow>& rows, const std::string& baseline);

/// The page: no other file and no network needed. Curves of more than 1000 points are drawn from
/// the means of as many neighbours. Error if a curve's lengths differ or a picture is no PNG.
std::string render_html(const Report& report);

/// The strategies in aligned columns, for a terminal of any width above 100.
std::string format_table(const std::vector<StrategyRow>& rows);
/// The same with all digits.
std::string to_csv(const std::vector<StrategyRow>& rows);
/// Everything but the pictures.
nlohmann::json to_json(const Report& report);

}  // namespace telescope::app
