// SPDX-License-Identifier: MIT
// The page of a report. Its look is apps/report/page.css, its charts are apps/report/page.js; both
// stand in the program, as does Chart.js.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "apps/assets.h"
#include "apps/html.h"
#include "apps/report.h"
#include "apps/report_charts.h"
#include "apps/text.h"

namespace telescope::app {
namespace {

// The smallest (sign 1) or largest (sign -1) values of a column, where there is a choice.
void mark_best(std::set<html::CellIndex>& marks, const std::vector<StrategyRow>& rows,
               std::size_t column, double sign, double StrategyRow::*value) {
  if (rows.size() < 2) return;
  double best = std::numeric_limits<double>::infinity();
  for (const auto& row : rows) {
    if (std::isfinite(row.*value)) best = std::min(best, sign * row.*value);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (sign * rows[i].*value == best) marks.insert({i + 1, column});  // below the header
  }
}

// "fewer" or "more", of something of which less is better.
std::string saving(double factor, double deviation, int count, const char* less, const char* more) {
  return factor >= 1 ? fmt::format("{} {}", format_factor_spread(factor, deviation, count), less)
                     : fmt::format("{} {}", format_factor(1 / factor), more);
}

std::string mse_of(const StrategyRow& row) {
  return format_spread(row.mse, row.mse_spread, row.seeds);
}

const StrategyRow* lowest_mse(const Report& report, bool with_baselines) {
  const auto names = baselines(report);
  const StrategyRow* best = nullptr;
  for (const StrategyRow& row : report.strategies) {
    const bool is_baseline = std::find(names.begin(), names.end(), row.name) != names.end();
    if (!std::isfinite(row.mse) || (is_baseline && !with_baselines)) continue;
    if (best == nullptr || row.mse < best->mse) best = &row;
  }
  return best;
}

// What it took to reach the baseline's loss, in words.
std::string reach_in_words(const Report& report, const Versus& v) {
  const std::string level = report.target ? "the target" : "that loss";
  if (v.reached == 0) return "it did not reach " + level;
  if (v.reached < v.seeds)
    return fmt::format("{} of {} seeds reached {}", v.reached, v.seeds, level);
  if (!std::isfinite(v.reach_work_speedup)) return v.baseline + " did not reach " + level;
  return fmt::format(
      "it reached {} with {}{} and in {}{}", level, v.at_once ? "at least " : "",
      saving(v.reach_work_speedup, v.reach_work_speedup_spread, v.seeds, "fewer work units",
             "the work"),
      v.at_once ? "at least " : "",
      saving(v.reach_time_speedup, v.reach_time_speedup_spread, v.seeds, "less time", "the time"));
}

std::string against(const Report& report, const Versus& v) {
  std::string text = fmt::format("Against {}: {} times its MSE", v.baseline,
                                 format_spread(v.mse_ratio, v.mse_ratio_spread, v.seeds));
  if (report.budget.empty()) {
    text += fmt::format(" after {} and {}",
                        saving(v.work_speedup, kUnmeasured, 1, "fewer work units", "the work"),
                        saving(v.time_speedup, kUnmeasured, 1, "less time", "the time"));
  }
  return text + "; " + reach_in_words(report, v) + ".";
}

// What the tables say, in sentences: the strategy that came lowest, and how it stands against every
// baseline.
std::string lead(const Report& report) {
  const StrategyRow* lowest = lowest_mse(report, true);
  const StrategyRow* best = lowest_mse(report, false);
  if (report.versus.empty() || best == nullptr) return "";
  std::string text = report.budget.empty() ? "" : "At " + report.budget + " each: ";
  text +=
      lowest == best
          ? best->name
          : fmt::format("the baseline {} ended at the lowest validation MSE, {}; of the others, {}",
                        lowest->name, mse_of(*lowest), best->name);
  text += fmt::format(" ended at {}{}. ", lowest == best ? "the lowest validation MSE, " : "",
                      mse_of(*best));
  for (const Versus& v : report.versus) {
    if (v.strategy == best->name && v.seeds > 0) text += against(report, v) + " ";
  }
  text.pop_back();
  return "<p class=\"lead\">" + escape_html(text) + "</p>";
}

// How many seeds the figures are of, and what stands behind ±.
std::string about_seeds(const Report& report) {
  const auto [least, most] = std::minmax_element(
      report.strategies.begin(), report.strategies.end(),
      [](const StrategyRow& a, const StrategyRow& b) { return a.seeds < b.seeds; });
  if (most->seeds <= 1) return "One seed: no spread is known.";
  const std::string count = least->seeds == most->seeds
                                ? fmt::format("{}", most->seeds)
                                : fmt::format("{} to {}", least->seeds, most->seeds);
  return "Means over " + count +
         " seeds; ± is the sample standard deviation of one run. Seeds that diverged are in no "
         "mean.";
}

std::string strategies(const Report& report) {
  const auto& rows = report.strategies;
  if (rows.empty()) return "";
  std::set<html::CellIndex> best;
  const auto mark = [&](std::size_t column, double sign, double StrategyRow::*value) {
    mark_best(best, rows, column, sign, value);
  };
  mark(5, 1, &StrategyRow::peak_memory_bytes);
  mark(6, 1, &StrategyRow::mse);
  mark(7, -1, &StrategyRow::psnr);
  mark(8, -1, &StrategyRow::ssim);
  if (report.budget.empty()) {  // else what was used is no merit
    mark(2, 1, &StrategyRow::work_units);
    mark(3, 1, &StrategyRow::seconds);
  }
  const std::string caption =
      "One work unit (WU) is one full-size image through the network; an image on a mesh twice as "
      "coarse costs a quarter. Time is that of training, without validation. MSE, PSNR (dB) and "
      "SSIM are "
      "those of the validation set at the end. " +
      about_seeds(report);
  return "<section id=\"strategies\"><h2>Strategies</h2>\n" +
         html::table(caption, strategy_cells(report), best) + "</section>\n";
}

std::string versus(const Report& report) {
  std::string out;
  for (const std::string& baseline : baselines(report)) {
    const Cells cells = versus_cells(report, baseline);
    if (cells.size() < 3) continue;  // the baseline against itself
    out += "<section class=\"versus\"><h2>Against " + escape_html(baseline) + "</h2>\n" +
           html::table(versus_caption(report, baseline), cells) + "</section>\n";
  }
  return out;
}

std::string meshes(const Report& report) {
  if (report.meshes.empty()) return "";
  Cells cells = {{"Strategy", "Mesh", "Loss", "Gradient norm", "Variance", "Time", "GFLOP"}};
  for (const MeshRow& row : report.meshes) {
    const std::string size = row.size > 0 ? fmt::format(" ({0}×{0})", row.size) : "";
    cells.push_back({row.strategy, fmt::format("{}{}", row.mesh, size), format_value(row.loss),
                     format_value(row.gradient_norm), format_value(row.variance),
                     format_seconds(row.seconds), format_value(row.flop / 1e9)});
  }
  return "<section id=\"meshes\"><h2>Meshes</h2>\n" +
         html::table(
             "What each mesh saw: loss, norm of the gradient and variance of the level's term at "
             "the end, time and floating-point operations over the run. Mesh 0 is the finest.",
             cells) +
         "</section>\n";
}

std::string pictures(const Report& report) {
  if (report.pictures.empty()) return "";
  std::string out = "<section id=\"pictures\"><h2>Pictures</h2>\n";
  for (const Picture& picture : report.pictures) out += html::figure(picture);
  return out + "</section>\n";
}

}  // namespace

std::string render_html(const Report& report) {
  const std::string body =
      "<header><h1>" + escape_html(report.title) + "</h1>" + lead(report) + "</header>\n<main>\n" +
      strategies(report) + versus(report) + chart_sections(report) + pictures(report) +
      meshes(report) +
      html::how_it_was_run(report.command_line, report.configuration, report.environment) +
      "</main>\n";
  return html::page({.title = report.title,
                     .body = body,
                     .styles = {assets::page_css},
                     .scripts = {assets::chart_js, assets::page_js}},
                    chart_data(report));
}

}  // namespace telescope::app
