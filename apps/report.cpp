// SPDX-License-Identifier: MIT
#include "apps/report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/text.h"
#include "core/error.h"

namespace telescope::app {
namespace {

// NaN and infinity have no JSON.
nlohmann::json number(double value) {
  return std::isfinite(value) ? nlohmann::json(value) : nlohmann::json(nullptr);
}

nlohmann::json numbers(const std::vector<double>& values) {
  nlohmann::json array = nlohmann::json::array();
  for (const double value : values) array.push_back(number(value));
  return array;
}

nlohmann::json object(const NamedValues& values) {
  nlohmann::json out = nlohmann::json::object();
  for (const auto& [name, value] : values) out[valid_utf8(name)] = valid_utf8(value);
  return out;
}

nlohmann::json json_of(const Curve& curve) {
  nlohmann::json json = {{"label", valid_utf8(curve.label)},
                         {"steps", numbers(curve.steps)},
                         {"work_units", numbers(curve.work_units)},
                         {"seconds", numbers(curve.seconds)},
                         {"flop", numbers(curve.flop)},
                         {"value", numbers(curve.value)}};
  if (!curve.panel.empty()) json["strategy"] = valid_utf8(curve.panel);
  return json;
}

// The one list of a row's numbers, for CSV and JSON: f(name, value).
template <class F>
void for_each_number(const StrategyRow& row, F&& f) {
  f("steps", row.steps);
  f("work_units", row.work_units);
  f("work_units_spread", row.work_units_spread);
  f("seconds", row.seconds);
  f("seconds_spread", row.seconds_spread);
  f("flop", row.flop);
  f("peak_memory_bytes", row.peak_memory_bytes);
  f("mse", row.mse);
  f("mse_spread", row.mse_spread);
  f("psnr", row.psnr);
  f("psnr_spread", row.psnr_spread);
  f("ssim", row.ssim);
  f("ssim_spread", row.ssim_spread);
}

template <class F>
void for_each_number(const Versus& versus, F&& f) {
  f("work_speedup", versus.work_speedup);
  f("time_speedup", versus.time_speedup);
  f("mse_ratio", versus.mse_ratio);
  f("mse_ratio_spread", versus.mse_ratio_spread);
  f("mse_difference", versus.mse_difference);
  f("mse_difference_spread", versus.mse_difference_spread);
  f("reach_work_units", versus.reach_work_units);
  f("reach_work_units_spread", versus.reach_work_units_spread);
  f("reach_seconds", versus.reach_seconds);
  f("reach_seconds_spread", versus.reach_seconds_spread);
  f("reach_work_speedup", versus.reach_work_speedup);
  f("reach_work_speedup_spread", versus.reach_work_speedup_spread);
  f("reach_time_speedup", versus.reach_time_speedup);
  f("reach_time_speedup_spread", versus.reach_time_speedup_spread);
}

nlohmann::json json_of(const StrategyRow& row) {
  nlohmann::json json = {
      {"name", valid_utf8(row.name)}, {"seeds", row.seeds}, {"remark", valid_utf8(row.remark)}};
  for_each_number(row, [&](const char* name, double value) { json[name] = number(value); });
  return json;
}

nlohmann::json json_of(const Versus& versus) {
  nlohmann::json json = {{"strategy", valid_utf8(versus.strategy)},
                         {"baseline", valid_utf8(versus.baseline)},
                         {"seeds", versus.seeds},
                         {"reached", versus.reached},
                         {"reached_at_first_validation", versus.at_once}};
  for_each_number(versus, [&](const char* name, double value) { json[name] = number(value); });
  return json;
}

nlohmann::json json_of(const MeshRow& row) {
  return {{"strategy", valid_utf8(row.strategy)},
          {"mesh", row.mesh},
          {"size", row.size},
          {"loss", number(row.loss)},
          {"gradient_norm", number(row.gradient_norm)},
          {"variance", number(row.variance)},
          {"seconds", number(row.seconds)},
          {"flop", number(row.flop)}};
}

template <class Row>
nlohmann::json array(const std::vector<Row>& rows) {
  nlohmann::json out = nlohmann::json::array();
  for (const Row& row : rows) out.push_back(json_of(row));
  return out;
}

const Versus* find(const Report& report, const std::string& strategy, const std::string& baseline) {
  const auto found = std::find_if(report.versus.begin(), report.versus.end(), [&](const Versus& v) {
    return v.strategy == strategy && v.baseline == baseline;
  });
  return found == report.versus.end() ? nullptr : &*found;
}

std::string signed_spread(double mean, double deviation, int count) {
  return (mean > 0 ? "+" : "") + format_spread(mean, deviation, count);
}

// What it took to reach the loss, if all seeds did; `bound` is put before it where they had it at
// their first validation.
std::string reach_cell(const Versus& v, const char* bound, const std::string& value) {
  if (v.seeds == 0) return "-";
  if (v.reached == 0) return "not reached";
  if (v.reached < v.seeds) return fmt::format("{} of {} seeds", v.reached, v.seeds);
  return v.at_once && value != "-" ? bound + value : value;
}

}  // namespace

std::vector<std::string> baselines(const Report& report) {
  std::vector<std::string> names;
  for (const Versus& versus : report.versus) {
    if (std::find(names.begin(), names.end(), versus.baseline) == names.end()) {
      names.push_back(versus.baseline);
    }
  }
  return names;
}

Cells strategy_cells(const Report& report) {
  Cells cells = {
      {"Strategy", "Steps", "WU", "Time", "TFLOP", "Peak memory", "MSE", "PSNR", "SSIM", "Remark"}};
  for (const StrategyRow& row : report.strategies) {
    cells.push_back({row.name, format_count(row.steps), format_count(row.work_units),
                     format_seconds(row.seconds), format_value(row.flop / 1e12),
                     format_bytes(row.peak_memory_bytes),
                     format_spread(row.mse, row.mse_spread, row.seeds),
                     format_spread(row.psnr, row.psnr_spread, row.seeds),
                     format_spread(row.ssim, row.ssim_spread, row.seeds),
                     row.remark.empty() ? "-" : row.remark});
  }
  return cells;
}

Cells versus_cells(const Report& report, const std::string& baseline) {
  const std::string level = report.target ? " to target" : " to its loss";
  Cells cells = {{"Strategy", "MSE ratio", "MSE difference", "Fewer WU", "Faster", "WU" + level,
                  "Fewer WU" + level, "Time" + level, "Faster" + level}};
  for (const StrategyRow& row : report.strategies) {
    const Versus* found = find(report, row.name, baseline);
    if (found == nullptr) continue;
    const Versus& v = *found;
    cells.push_back({row.name, format_spread(v.mse_ratio, v.mse_ratio_spread, v.seeds),
                     signed_spread(v.mse_difference, v.mse_difference_spread, v.seeds),
                     format_factor(v.work_speedup), format_factor(v.time_speedup),
                     reach_cell(v, "≤ ", format_count(std::round(v.reach_work_units))),
                     reach_cell(v, "≥ ",
                                format_factor_spread(v.reach_work_speedup,
                                                     v.reach_work_speedup_spread, v.seeds)),
                     reach_cell(v, "≤ ", format_seconds(v.reach_seconds)),
                     reach_cell(v, "≥ ",
                                format_factor_spread(v.reach_time_speedup,
                                                     v.reach_time_speedup_spread, v.seeds))});
  }
  return cells;
}

std::string versus_caption(const Report& report, const std::string& baseline) {
  std::string text =
      "MSE ratio and difference: this strategy's over and minus that of " + baseline +
      " at the end of the runs, seed by seed; below 1 and below 0 are better. Fewer WU and faster: "
      "the whole run of " +
      baseline + " over that of this strategy. ";
  if (report.target) {
    return text + fmt::format(
                      "To target: to a validation MSE of {}, read off the curves between "
                      "validations, and how many times less that is than {} took.",
                      format_value(*report.target), baseline);
  }
  return text +
         fmt::format(
             "To its loss: to the validation MSE that {0} had at its end, read off the curves "
             "between validations, and how many times less that is than {0} took. The learning "
             "rate "
             "falls over the whole run; one made to end there could get there sooner.",
             baseline);
}

std::string format_tables(const Report& report) {
  std::string text = align_columns(strategy_cells(report));
  for (const std::string& baseline : baselines(report)) {
    text += "\nagainst " + baseline + "\n" + align_columns(versus_cells(report, baseline));
  }
  return text;
}

std::string to_csv(const Report& report) {
  std::vector<std::string> header = {"strategy", "seeds", "remark"};
  std::vector<std::string> lines;
  const auto field = [](double value) {
    return "," + (std::isfinite(value) ? fmt::format("{}", value) : std::string());
  };
  for_each_number(StrategyRow{}, [&](const char* name, double) { header.emplace_back(name); });
  for (const std::string& baseline : baselines(report)) {
    for_each_number(Versus{}, [&](const std::string& name, double) {
      header.push_back(name + " against " + baseline);
    });
  }
  std::string out;
  for (const std::string& name : header) out += (out.empty() ? "" : ",") + csv_field(name);
  out += '\n';
  for (const StrategyRow& row : report.strategies) {
    out += csv_field(row.name) + "," + std::to_string(row.seeds) + "," + csv_field(row.remark);
    for_each_number(row, [&](const char*, double value) { out += field(value); });
    for (const std::string& baseline : baselines(report)) {
      const Versus* versus = find(report, row.name, baseline);
      for_each_number(versus != nullptr ? *versus : Versus{},
                      [&](const char*, double value) { out += field(value); });
    }
    out += '\n';
  }
  return out;
}

nlohmann::json to_json(const Report& report) {
  return {{"title", valid_utf8(report.title)},
          {"command_line", valid_utf8(report.command_line)},
          {"budget", valid_utf8(report.budget)},
          {"target", report.target ? number(*report.target) : nlohmann::json(nullptr)},
          {"configuration", object(report.configuration)},
          {"environment", object(report.environment)},
          {"strategies", array(report.strategies)},
          {"versus", array(report.versus)},
          {"training", array(report.training)},
          {"validation", array(report.validation)},
          {"gradient_norms", array(report.gradient_norms)},
          {"variances", array(report.variances)},
          {"meshes", array(report.meshes)}};
}

}  // namespace telescope::app
