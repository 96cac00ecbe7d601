// SPDX-License-Identifier: MIT
// The page of a report. Its look is apps/report/page.css, its charts are apps/report/page.js; both
// stand in the program, as does Chart.js.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "apps/assets.h"
#include "apps/report.h"
#include "apps/text.h"
#include "core/error.h"

namespace telescope::app {
namespace {

constexpr std::size_t kMostPoints = 1000;

// Means of neighbours, so that at most kMostPoints are left; the last point is kept as it is.
std::vector<double> thin(const std::vector<double>& values, bool mean) {
  const std::size_t n = values.size();
  if (n <= kMostPoints) return values;
  const std::size_t group = (n + kMostPoints - 2) / (kMostPoints - 1);
  std::vector<double> out;
  for (std::size_t begin = 0; begin < n - 1; begin += group) {
    const std::size_t end = std::min(begin + group, n - 1);
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) sum += values[i];
    out.push_back(mean ? sum / static_cast<double>(end - begin) : values[end - 1]);
  }
  out.push_back(values.back());
  return out;
}

// Seven digits are more than a screen has pixels, and keep the page small.
double rounded(double value) {
  const std::string digits = fmt::format("{:.7g}", value);
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

void check_lengths(const Curve& curve) {
  for (const auto* axis : {&curve.steps, &curve.work_units, &curve.seconds}) {
    TELESCOPE_CHECK(axis->empty() || axis->size() == curve.value.size(), "report",
                    "curve '{}' has {} values and {} places on an axis", curve.label,
                    curve.value.size(), axis->size());
  }
}

// JSON as it may stand inside a <script>: nothing in it can end the element.
std::string script_json(const nlohmann::json& json) {
  std::string out;
  for (const char c : json.dump()) {
    c == '<' ? out += "\\u003c" : out += c;
  }
  return out;
}

nlohmann::json chart_data(const Report& report) {
  const auto curves = [](const std::vector<Curve>& from) {
    nlohmann::json out = nlohmann::json::array();
    const auto numbers = [](const std::vector<double>& values) {
      nlohmann::json list = nlohmann::json::array();
      for (const double v : values) {
        list.push_back(std::isfinite(v) ? nlohmann::json(rounded(v)) : nlohmann::json(nullptr));
      }
      return list;
    };
    for (const Curve& curve : from) {
      check_lengths(curve);
      out.push_back({{"label", valid_utf8(curve.label)},
                     {"steps", numbers(thin(curve.steps, false))},
                     {"work_units", numbers(thin(curve.work_units, false))},
                     {"seconds", numbers(thin(curve.seconds, false))},
                     {"value", numbers(thin(curve.value, true))}});
    }
    return out;
  };
  return {{"training", curves(report.training)}, {"validation", curves(report.validation)}};
}

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

std::string times(double factor) {
  std::string text = format_factor(factor);
  if (text.back() == 'x') text.replace(text.size() - 1, 1, "×");
  return text;
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

// What the table says, in a sentence: the strategy that saves most work, against the baseline.
std::string lead(const Report& report) {
  const StrategyRow *base = nullptr, *best = nullptr;
  for (const StrategyRow& row : report.strategies) {
    if (row.name == row.baseline) {
      base = &row;
    } else if (row.work_speedup > (best == nullptr ? 0 : best->work_speedup)) {
      best = &row;
    }
  }
  if (base == nullptr || best == nullptr) return "";
  std::string text = fmt::format("{}: {} fewer work units", best->name, times(best->work_speedup));
  if (std::isfinite(best->time_speedup)) {
    text += best->time_speedup >= 1
                ? fmt::format(" and {} less time", times(best->time_speedup))
                : fmt::format(", but {} the time,", times(1 / best->time_speedup));
  }
  text += fmt::format(" than {}", base->name);
  if (std::isfinite(best->mse) && std::isfinite(base->mse)) {
    text += fmt::format(", at an MSE of {} against {}",
                        format_spread(best->mse, best->mse_spread, best->seeds),
                        format_spread(base->mse, base->mse_spread, base->seeds));
  }
  return "<p class=\"lead\">" + escape_html(text) + ".</p>";
}

std::string strategies(const Report& report) {
  const auto& rows = report.strategies;
  if (rows.empty()) return "";
  const auto work = best_of(rows, 1, [](const auto& r) { return r.work_units; });
  const auto seconds = best_of(rows, 1, [](const auto& r) { return r.seconds; });
  const auto memory = best_of(rows, 1, [](const auto& r) { return r.peak_memory_bytes; });
  const auto mse = best_of(rows, 1, [](const auto& r) { return r.mse; });
  const auto psnr = best_of(rows, -1, [](const auto& r) { return r.psnr; });
  std::vector<std::vector<Cell>> cells;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const StrategyRow& row = rows[i];
    cells.push_back({{row.name},
                     {format_count(row.work_units), work[i]},
                     {format_seconds(row.seconds), seconds[i]},
                     {format_bytes(row.peak_memory_bytes), memory[i]},
                     {format_spread(row.mse, row.mse_spread, row.seeds), mse[i]},
                     {format_spread(row.psnr, row.psnr_spread, row.seeds), psnr[i]},
                     {times(row.work_speedup)},
                     {times(row.time_speedup)}});
  }
  std::string caption =
      "One work unit (WU) is one full-size image through the network; an image on a "
      "mesh twice as coarse costs a quarter. ";
  if (!rows[0].baseline.empty()) caption += "Fewer and faster: against " + rows[0].baseline + ". ";
  caption += "MSE and PSNR (dB) are those of the validation set.";
  return "<section id=\"strategies\"><h2>Strategies</h2>\n" +
         table(caption,
               {"Strategy", "WU", "Time", "Peak memory", "MSE", "PSNR", "Fewer WU", "Faster"},
               cells) +
         "</section>\n";
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

// One chart for each abscissa; page.js draws into the canvases.
std::string charts(const char* group, const std::string& name, const std::vector<Curve>& curves) {
  if (curves.empty()) return "";
  std::string out = fmt::format("<section class=\"charts\" data-group=\"{}\"><h2>{}</h2>\n", group,
                                escape_html(name));
  out += "<div class=\"controls\"></div><div class=\"grid\">\n";
  static constexpr std::pair<const char*, const char*> kAxes[] = {
      {"work_units", "work units"}, {"seconds", "seconds of training"}, {"steps", "steps"}};
  std::string labels;
  for (const Curve& curve : curves) {
    const std::string quoted = escape_html(curve.label);
    if (labels.find(quoted) == std::string::npos) labels += (labels.empty() ? "" : ", ") + quoted;
  }
  for (const auto& [axis, axis_name] : kAxes) {
    out += fmt::format(
        "<figure><div class=\"plot\"><canvas role=\"img\" data-axis=\"{0}\" "
        "aria-label=\"{1} against {2}, for {3}. The last values stand in the table of "
        "strategies.\"></canvas></div><figcaption>against {2}</figcaption></figure>\n",
        axis, escape_html(name), axis_name, labels);
  }
  return out + "</div></section>\n";
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
                     strategies(report) +
                     charts("validation", report.validation_name, report.validation) +
                     charts("training", report.training_name, report.training) + pictures(report) +
                     meshes(report) + details(report) + "</main>\n";
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
  page += "<script type=\"application/json\" id=\"data\">" + script_json(chart_data(report));
  page += "</script>\n<script>\n";
  page += assets::chart_js;
  page += "\n</script>\n<script>\n";
  page += assets::page_js;
  page += "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace telescope::app
