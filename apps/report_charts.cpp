// SPDX-License-Identifier: MIT
#include "apps/report_charts.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/html.h"
#include "apps/text.h"
#include "core/error.h"

namespace telescope::app {
namespace {

constexpr std::pair<const char*, const char*> kAxes[] = {{"work_units", "work units"},
                                                         {"seconds", "seconds of training"},
                                                         {"flop", "floating-point operations"},
                                                         {"steps", "steps"}};

// The same curves, drawn once for each abscissa or once for each panel.
struct Group {
  const char* id;
  std::string name;
  const std::vector<Curve>& curves;
  std::vector<const char*> axes;
  const char* about = "";
};

std::vector<Group> groups_of(const Report& report) {
  return {{"validation",
           report.validation_name,
           report.validation,
           {"work_units", "seconds", "flop", "steps"}},
          {"training", report.training_name, report.training, {"work_units", "steps"}},
          {"gradient_norms",
           "Gradient norm on every mesh",
           report.gradient_norms,
           {"work_units"},
           "Norm of the mean gradient of each level's term: the difference of two meshes' losses, "
           "and on the coarsest mesh of a strategy the loss itself."},
          {"variances",
           "Gradient variance on every mesh",
           report.variances,
           {"work_units"},
           "Variance of one sample's gradient of each level's term, summed over all parameters, "
           "from micro-batches. Where it is small, few samples do."}};
}

double mean_at(const std::vector<const Curve*>& seeds, std::vector<double> Curve::*axis,
               std::size_t i) {
  double sum = 0;
  for (const Curve* seed : seeds) sum += (seed->*axis)[i];
  return sum / static_cast<double>(seeds.size());
}

Band band_of(const std::vector<const Curve*>& seeds) {
  Band band{.mean = {.label = seeds[0]->label, .panel = seeds[0]->panel}};
  for (auto axis :
       {&Curve::steps, &Curve::work_units, &Curve::seconds, &Curve::flop, &Curve::value}) {
    for (std::size_t i = 0; i < (seeds[0]->*axis).size(); ++i) {
      (band.mean.*axis).push_back(mean_at(seeds, axis, i));
    }
  }
  if (seeds.size() < 2) return band;
  for (std::size_t i = 0; i < band.mean.value.size(); ++i) {
    const auto [low, high] = std::minmax_element(
        seeds.begin(), seeds.end(),
        [i](const Curve* a, const Curve* b) { return a->value[i] < b->value[i]; });
    band.low.push_back((*low)->value[i]);
    band.high.push_back((*high)->value[i]);
  }
  return band;
}

bool same_places(const Curve& a, const Curve& b) {
  return a.steps == b.steps && a.work_units.size() == b.work_units.size() &&
         a.seconds.size() == b.seconds.size() && a.flop.size() == b.flop.size() &&
         a.value.size() == b.value.size();
}

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

void check_lengths(const Curve& curve) {
  for (const auto* axis : {&curve.steps, &curve.work_units, &curve.seconds, &curve.flop}) {
    TELESCOPE_CHECK(axis->empty() || axis->size() == curve.value.size(), "report",
                    "curve '{}' has {} values and {} places on an axis", curve.label,
                    curve.value.size(), axis->size());
  }
}

nlohmann::json json_of(const Band& band) {
  const Curve& curve = band.mean;
  nlohmann::json json = {{"label", valid_utf8(curve.label)},
                         {"panel", valid_utf8(curve.panel)},
                         {"steps", html::numbers(thin(curve.steps, false))},
                         {"work_units", html::numbers(thin(curve.work_units, false))},
                         {"seconds", html::numbers(thin(curve.seconds, false))},
                         {"flop", html::numbers(thin(curve.flop, false))},
                         {"value", html::numbers(thin(curve.value, true))}};
  if (!band.low.empty()) {
    json["low"] = html::numbers(thin(band.low, true));
    json["high"] = html::numbers(thin(band.high, true));
  }
  return json;
}

template <class Member>
std::vector<std::string> distinct(const std::vector<Curve>& curves, Member member) {
  std::vector<std::string> names;
  for (const Curve& curve : curves) {
    if (std::find(names.begin(), names.end(), curve.*member) == names.end()) {
      names.push_back(curve.*member);
    }
  }
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string figure(const Group& group, const char* axis, const std::string& panel) {
  const auto* named = std::find_if(std::begin(kAxes), std::end(kAxes), [&](const auto& each) {
    return std::string_view(each.first) == axis;
  });
  const std::string caption = panel.empty() ? fmt::format("against {}", named->second)
                                            : fmt::format("{}, against {}", panel, named->second);
  return fmt::format(
      "<figure><div class=\"plot\"><canvas role=\"img\" data-axis=\"{}\" data-panel=\"{}\" "
      "aria-label=\"{}, {}: {}.\"></canvas></div><figcaption>{}</figcaption></figure>\n",
      axis, escape_html(panel), escape_html(group.name), escape_html(caption),
      escape_html(joined(distinct(group.curves, &Curve::label))), escape_html(caption));
}

// One chart for each abscissa of each panel; page.js draws into the canvases.
std::string section(const Group& group) {
  if (group.curves.empty()) return "";
  std::string out = fmt::format("<section class=\"charts\" data-group=\"{}\"><h2>{}</h2>\n",
                                group.id, escape_html(group.name));
  if (*group.about != '\0') out += fmt::format("<p class=\"about\">{}</p>\n", group.about);
  out += "<div class=\"controls\"></div><div class=\"grid\">\n";
  for (const std::string& panel : distinct(group.curves, &Curve::panel)) {
    for (const char* axis : group.axes) out += figure(group, axis, panel);
  }
  return out + "</div></section>\n";
}

}  // namespace

std::vector<Band> bands_of(const std::vector<Curve>& curves) {
  std::vector<std::vector<const Curve*>> sets;
  for (const Curve& curve : curves) {
    check_lengths(curve);
    const auto found = std::find_if(sets.begin(), sets.end(), [&](const auto& set) {
      return set[0]->label == curve.label && set[0]->panel == curve.panel &&
             same_places(*set[0], curve);
    });
    if (found == sets.end()) {
      sets.push_back({&curve});
    } else {
      found->push_back(&curve);
    }
  }
  std::vector<Band> bands;
  for (const auto& set : sets) bands.push_back(band_of(set));
  return bands;
}

std::string chart_sections(const Report& report) {
  std::string out;
  for (const Group& group : groups_of(report)) out += section(group);
  return out;
}

nlohmann::json chart_data(const Report& report) {
  nlohmann::json data = nlohmann::json::object();
  for (const Group& group : groups_of(report)) {
    nlohmann::json curves = nlohmann::json::array();
    for (const Band& band : bands_of(group.curves)) curves.push_back(json_of(band));
    data[group.id] = {{"curves", std::move(curves)}};
  }
  if (report.target) data["validation"]["target"] = *report.target;
  return data;
}

}  // namespace telescope::app
