// SPDX-License-Identifier: MIT
// The page of a report. Its look is apps/report/page.css, its charts are apps/report/page.js; both
// stand in the program, as does Chart.js.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "apps/assets.h"
#include "apps/report.h"
#include "apps/report_charts.h"
#include "apps/text.h"
#include "core/error.h"

namespace telescope::app {
namespace {

struct Cell {
  std::string text;
  bool best = false;
};

// Leaves out columns in which nothing was measured.
std::string table(const std::string& caption, const std::vector<std::string>& header,
                  const std::vector<std::vector<Cell>>& rows) {
  std::vector<bool> shown(header.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) shown[i] = shown[i] || row[i].text != "-";
  }
  std::string out = "<table><caption>" + escape_html(caption) + "</caption><thead><tr>";
  for (std::size_t i = 0; i < header.size(); ++i) {
    if (shown[i]) out += "<th scope=\"col\">" + escape_html(header[i]) + "</th>";
  }
  out += "</tr></thead><tbody>";
  for (const auto& row : rows) {
    out += "<tr>";
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (!shown[i]) continue;
      const std::string text = escape_html(row[i].text);
      out += i == 0 ? "<th scope=\"row\">" + text + "</th>"
                    : fmt::format("<td data-label=\"{}\">{}</td>", escape_html(header[i]),
                                  row[i].best ? "<strong>" + text + "</strong>" : text);
    }
    out += "</tr>";
  }
  return out + "</tbody></table>\n";
}

// Marks the smallest (sign 1) or largest (sign -1) value of a column, where there is a choice.
template <class Value>
std::vector<bool> best_of(const std::vector<StrategyRow>& rows, double sign, Value value) {
  double best = std::numeric_limits<double>::infinity();
  for (const auto& row : rows) {
    if (std::isfinite(value(row))) best = std::min(best, sign * value(row));
  }
  std::vector<bool> out;
  out.reserve(rows.size());
  for (const auto& row : rows) out.push_back(rows.size() > 1 && sign * value(row) == best);
  return out;
}

std::vector<std::vector<Cell>> body_of(const Cells& cells) {
  std::vector<std::vector<Cell>> body;
  for (std::size_t i = 1; i < cells.size(); ++i) {
    std::vector<Cell>& row = body.emplace_back();
    for (const std::string& text : cells[i]) row.push_back({.text = text});
  }
  return body;
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
  const Cells cells = strategy_cells(report);
  auto body = body_of(cells);
  std::vector<std::pair<std::size_t, std::vector<bool>>> marks = {
      {5, best_of(rows, 1, [](const auto& r) { return r.peak_memory_bytes; })},
      {6, best_of(rows, 1, [](const auto& r) { return r.mse; })},
      {7, best_of(rows, -1, [](const auto& r) { return r.psnr; })},
      {8, best_of(rows, -1, [](const auto& r) { return r.ssim; })}};
  if (report.budget.empty()) {  // else what was used is no merit
    marks.emplace_back(2, best_of(rows, 1, [](const auto& r) { return r.work_units; }));
    marks.emplace_back(3, best_of(rows, 1, [](const auto& r) { return r.seconds; }));
  }
  for (const auto& [column, best] : marks) {
    for (std::size_t i = 0; i < body.size(); ++i) body[i][column].best = best[i];
  }
  const std::string caption =
      "One work unit (WU) is one full-size image through the network; an image on a mesh twice as "
      "coarse costs a quarter. Time is that of training, without validation. MSE, PSNR (dB) and "
      "SSIM are "
      "those of the validation set at the end. " +
      about_seeds(report);
  return "<section id=\"strategies\"><h2>Strategies</h2>\n" + table(caption, cells.front(), body) +
         "</section>\n";
}

std::string versus(const Report& report) {
  std::string out;
  for (const std::string& baseline : baselines(report)) {
    const Cells cells = versus_cells(report, baseline);
    if (cells.size() < 3) continue;  // the baseline against itself
    out += "<section class=\"versus\"><h2>Against " + escape_html(baseline) + "</h2>\n" +
           table(versus_caption(report, baseline), cells.front(), body_of(cells)) + "</section>\n";
  }
  return out;
}

std::string meshes(const Report& report) {
  if (report.meshes.empty()) return "";
  std::vector<std::vector<Cell>> cells;
  for (const MeshRow& row : report.meshes) {
    const std::string size = row.size > 0 ? fmt::format(" ({0}×{0})", row.size) : "";
    cells.push_back({{row.strategy},
                     {fmt::format("{}{}", row.mesh, size)},
                     {format_value(row.loss)},
                     {format_value(row.gradient_norm)},
                     {format_value(row.variance)},
                     {format_seconds(row.seconds)},
                     {format_value(row.flop / 1e9)}});
  }
  return "<section id=\"meshes\"><h2>Meshes</h2>\n" +
         table(
             "What each mesh saw: loss, norm of the gradient and variance of the level's term at "
             "the end, time and floating-point operations over the run. Mesh 0 is the finest.",
             {"Strategy", "Mesh", "Loss", "Gradient norm", "Variance", "Time", "GFLOP"}, cells) +
         "</section>\n";
}

std::uint32_t big_endian(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

std::string pictures(const Report& report) {
  if (report.pictures.empty()) return "";
  std::string out = "<section id=\"pictures\"><h2>Pictures</h2>\n";
  for (const Picture& picture : report.pictures) {
    // The size stands in the first chunk, IHDR.
    TELESCOPE_CHECK(picture.png.size() > 24 && picture.png.starts_with("\x89PNG\r\n\x1a\n"),
                    "report", "the picture '{}' is not a PNG file", picture.caption);
    const std::uint32_t width = big_endian(picture.png, 16), height = big_endian(picture.png, 20);
    // Small ones are shown larger, pixel by pixel.
    const std::uint32_t zoom = std::clamp(600 / std::max(width, 1U), 1U, 4U);
    out += fmt::format(
        "<figure><img alt=\"{}\" width=\"{}\" height=\"{}\" "
        "src=\"data:image/png;base64,{}\"><figcaption>{}</figcaption></figure>\n",
        escape_html(picture.alt.empty() ? picture.caption : picture.alt),
        std::uint64_t{zoom} * width, std::uint64_t{zoom} * height, base64(picture.png),
        escape_html(picture.caption));
  }
  return out + "</section>\n";
}

std::string named_values(const std::string& title, const NamedValues& values) {
  if (values.empty()) return "";
  std::string out = "<div><h3>" + title + "</h3><dl>";
  for (const auto& [name, value] : values) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>", escape_html(name), escape_html(value));
  }
  return out + "</dl></div>\n";
}

std::string details(const Report& report) {
  return "<section id=\"run\"><h2>How it was run</h2>\n<pre tabindex=\"0\"><code>" +
         escape_html(report.command_line) + "</code></pre>\n<div class=\"columns\">" +
         named_values("Configuration", report.configuration) +
         named_values("Environment", report.environment) + "</div></section>\n";
}

}  // namespace

std::string render_html(const Report& report) {
  const std::string title = escape_html(report.title);
  std::string body = "<header><h1>" + title + "</h1>" + lead(report) + "</header>\n<main>\n" +
                     strategies(report) + versus(report) + chart_sections(report) +
                     pictures(report) + meshes(report) + details(report) + "</main>\n";
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      // The browser itself refuses everything that is not in this file.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
      "img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'\">\n<title>";
  page += title + "</title>\n<style>\n";
  page += assets::page_css;
  page += "</style>\n</head>\n<body>\n" + body;
  page += "<script type=\"application/json\" id=\"data\">" + chart_data(report);
  page += "</script>\n<script>\n";
  page += assets::chart_js;
  page += "\n</script>\n<script>\n";
  page += assets::page_js;
  page += "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace telescope::app
