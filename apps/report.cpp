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

nlohmann::json array(const std::vector<Curve>& curves) {
  nlohmann::json out = nlohmann::json::array();
  for (const Curve& curve : curves) {
    out.push_back({{"label", valid_utf8(curve.label)},
                   {"steps", numbers(curve.steps)},
                   {"work_units", numbers(curve.work_units)},
                   {"seconds", numbers(curve.seconds)},
                   {"value", numbers(curve.value)}});
  }
  return out;
}

nlohmann::json json_of(const StrategyRow& row) {
  return {{"name", valid_utf8(row.name)},
          {"work_units", number(row.work_units)},
          {"seconds", number(row.seconds)},
          {"peak_memory_bytes", number(row.peak_memory_bytes)},
          {"mse", number(row.mse)},
          {"psnr", number(row.psnr)},
          {"seeds", row.seeds},
          {"mse_spread", number(row.mse_spread)},
          {"psnr_spread", number(row.psnr_spread)},
          {"baseline", valid_utf8(row.baseline)},
          {"work_speedup", number(row.work_speedup)},
          {"time_speedup", number(row.time_speedup)}};
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

}  // namespace

void compare_with(std::vector<StrategyRow>& rows, const std::string& baseline) {
  const auto found = std::find_if(rows.begin(), rows.end(),
                                  [&](const StrategyRow& row) { return row.name == baseline; });
  TELESCOPE_CHECK(found != rows.end(), "report", "no strategy '{}' to compare with", baseline);
  const StrategyRow base = *found;
  for (StrategyRow& row : rows) {
    row.baseline = baseline;
    row.work_speedup = row.work_units > 0 ? base.work_units / row.work_units : kUnmeasured;
    row.time_speedup = row.seconds > 0 ? base.seconds / row.seconds : kUnmeasured;
  }
}

std::string format_table(const std::vector<StrategyRow>& rows) {
  std::vector<std::vector<std::string>> cells = {
      {"strategy", "WU", "time", "peak memory", "MSE", "PSNR", "fewer WU", "less time"}};
  for (const StrategyRow& row : rows) {
    cells.push_back({row.name, format_count(row.work_units), format_seconds(row.seconds),
                     format_bytes(row.peak_memory_bytes),
                     format_spread(row.mse, row.mse_spread, row.seeds),
                     format_spread(row.psnr, row.psnr_spread, row.seeds),
                     format_factor(row.work_speedup), format_factor(row.time_speedup)});
  }
  return align_columns(cells);
}

std::string to_csv(const std::vector<StrategyRow>& rows) {
  std::string out =
      "strategy,work_units,seconds,peak_memory_bytes,mse,mse_spread,psnr,psnr_spread,seeds,"
      "baseline,work_speedup,time_speedup\n";
  const auto field = [](double value) {
    return std::isfinite(value) ? fmt::format("{}", value) : std::string();
  };
  for (const StrategyRow& row : rows) {
    out += fmt::format("{},{},{},{},{},{},{},{},{},{},{},{}\n", csv_field(row.name),
                       field(row.work_units), field(row.seconds), field(row.peak_memory_bytes),
                       field(row.mse), field(row.mse_spread), field(row.psnr),
                       field(row.psnr_spread), row.seeds, csv_field(row.baseline),
                       field(row.work_speedup), field(row.time_speedup));
  }
  return out;
}

nlohmann::json to_json(const Report& report) {
  return {{"title", valid_utf8(report.title)},
          {"command_line", valid_utf8(report.command_line)},
          {"configuration", object(report.configuration)},
          {"environment", object(report.environment)},
          {"strategies", array(report.strategies)},
          {"training", array(report.training)},
          {"validation", array(report.validation)},
          {"meshes", array(report.meshes)}};
}

}  // namespace telescope::app
