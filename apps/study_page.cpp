// SPDX-License-Identifier: MIT
// Looks like a report (apps/report/page.css); its charts are drawn by apps/report/study.js.
#include "apps/study_page.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>
#include <set>

#include "apps/assets.h"
#include "apps/html.h"
#include "apps/text.h"
#include "core/error.h"

namespace telescope::app {
namespace {

nlohmann::json json_of(const ChartLine& line) {
  const std::size_t n = line.x.size();
  TELESCOPE_CHECK(line.y.size() == n && (line.error.empty() || line.error.size() == n), "page",
                  "line '{}' has {} places, {} values and {} errors", line.label, n, line.y.size(),
                  line.error.size());
  return {{"label", valid_utf8(line.label)}, {"x", html::numbers(line.x)},
          {"y", html::numbers(line.y)},      {"error", html::numbers(line.error)},
          {"colour", line.colour},           {"dashed", line.dashed}};
}

nlohmann::json json_of(const Chart& chart) {
  nlohmann::json lines = nlohmann::json::array(), places = nlohmann::json::array();
  for (const ChartLine& line : chart.lines) lines.push_back(json_of(line));
  for (const std::string& place : chart.places) places.push_back(valid_utf8(place));
  return {{"lines", lines},       {"places", places},     {"x_name", valid_utf8(chart.x_name)},
          {"log_x", chart.log_x}, {"log_y", chart.log_y}, {"bars", chart.bars}};
}

nlohmann::json chart_data(const StudyPage& page) {
  nlohmann::json all = nlohmann::json::array();
  for (const StudySection& section : page.sections) {
    for (const Chart& chart : section.charts) all.push_back(json_of(chart));
  }
  return all;
}

// The lines of all charts of a section by name, each once.
std::string legend(const StudySection& section) {
  std::set<std::string> seen;
  std::string out;
  for (const Chart& chart : section.charts) {
    for (const ChartLine& line : chart.lines) {
      if (line.label.empty() || !seen.insert(line.label).second) continue;
      out += fmt::format(
          "<li><svg viewBox=\"0 0 30 10\" aria-hidden=\"true\"><line x1=\"1\" x2=\"29\" y1=\"5\" "
          "y2=\"5\" stroke=\"var(--c{})\" stroke-width=\"{}\"{}/></svg>{}</li>",
          line.colour % 6, chart.bars ? 9 : 3, line.dashed ? " stroke-dasharray=\"5 4\"" : "",
          escape_html(line.label));
    }
  }
  return out.empty() ? "" : "<ul class=\"legend\">" + out + "</ul>\n";
}

std::string charts(const StudySection& section) {
  if (section.charts.empty()) return "";
  std::string out = legend(section) + "<div class=\"grid\">\n";
  for (const Chart& chart : section.charts) {
    std::string labels;
    for (const ChartLine& line : chart.lines) labels += (labels.empty() ? "" : ", ") + line.label;
    const std::string title = escape_html(chart.title), x_name = escape_html(chart.x_name);
    out += fmt::format(
        "<figure><figcaption>{0}</figcaption><div class=\"plot\"><canvas role=\"img\" "
        "aria-label=\"{0}, against {1}, for {2}\"></canvas></div><figcaption class=\"axis\">{1}"
        "</figcaption></figure>\n",
        title, x_name, escape_html(labels));
  }
  return out + "</div>\n";
}

std::string section_html(const StudySection& section) {
  std::string out = "<section><h2>" + escape_html(section.title) + "</h2>\n";
  if (!section.text.empty()) out += "<p class=\"text\">" + escape_html(section.text) + "</p>\n";
  out += charts(section);
  if (!section.pictures.empty()) out += "<div class=\"pictures\">\n";
  for (const Picture& picture : section.pictures) out += html::figure(picture);
  if (!section.pictures.empty()) out += "</div>\n";
  for (const StudyTable& table : section.tables) out += html::table(table.caption, table.rows);
  return out + "</section>\n";
}

}  // namespace

std::string render_html(const StudyPage& page) {
  std::string body = "<header><h1>" + escape_html(page.title) + "</h1>";
  for (const std::string& sentence : page.lead) {
    body += "<p class=\"lead\">" + escape_html(sentence) + "</p>";
  }
  body += "</header>\n<main>\n";
  for (const StudySection& section : page.sections) body += section_html(section);
  body += html::how_it_was_run(page.command_line, page.configuration, page.environment);
  body += "</main>\n";
  return html::page({.title = page.title,
                     .body = body,
                     .styles = {assets::page_css, assets::study_css},
                     .scripts = {assets::chart_js, assets::study_js}},
                    chart_data(page));
}

}  // namespace telescope::app
