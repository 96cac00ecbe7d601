// SPDX-License-Identifier: MIT
#include "apps/summary.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "core/file.h"

namespace telescope::app {
namespace {

using Kind = RunResult::Kind;

constexpr std::pair<Kind, const char*> kKinds[] = {{Kind::completed, "completed"},
                                                   {Kind::reached_target, "reached the target"},
                                                   {Kind::out_of_time, "out of time"},
                                                   {Kind::diverged, "diverged"}};

double last_number(const std::vector<double>& values) {
  const auto found =
      std::find_if(values.rbegin(), values.rend(), [](double v) { return std::isfinite(v); });
  return found == values.rend() ? kUnmeasured : *found;
}

double total_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += std::isfinite(value) ? value : 0;
  return sum;
}

// Of all steps on a mesh; unmeasured if some of them were not timed (those of recorded graphs).
double seconds_of(const std::vector<double>& samples, const std::vector<double>& seconds) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (std::isfinite(samples[i]) && !std::isfinite(seconds[i])) return kUnmeasured;
  }
  return total_of(seconds);
}

// The points of a curve at which the column `values` has a number.
Curve curve_of(const CsvColumns& csv, const std::string& values) {
  Curve curve;
  const auto& column = csv.at(values);
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (!std::isfinite(column[i])) continue;
    curve.value.push_back(column[i]);
    curve.steps.push_back(csv.at("step")[i]);
    curve.work_units.push_back(csv.at("work_units")[i]);
    curve.seconds.push_back(csv.at("seconds")[i]);
    curve.flop.push_back(csv.at("flop")[i]);
  }
  return curve;
}

Curve labelled(Curve curve, const std::string& label, const std::string& panel = "") {
  curve.label = label;
  curve.panel = panel;
  return curve;
}

}  // namespace

void write_result(const RunFolder& folder, const RunResult& result) {
  const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                  [&](const auto& each) { return each.first == result.kind; });
  const nlohmann::json json = {{"ending", kind->second}, {"steps", result.steps}};
  write_file_atomically(folder.path() / "result.json", json.dump(2) + "\n", "result");
}

std::optional<RunResult> read_result(const RunFolder& folder) {
  const auto path = folder.path() / "result.json";
  if (!std::filesystem::exists(path) || !std::filesystem::exists(folder.metrics_path())) return {};
  RunResult result;
  try {
    const auto json = nlohmann::json::parse(read_text_file(path));
    const auto ending = json.at("ending").get<std::string>();
    const auto* kind = std::find_if(std::begin(kKinds), std::end(kKinds),
                                    [&](const auto& each) { return ending == each.second; });
    TELESCOPE_CHECK(kind != std::end(kKinds), path.string(), "no run ends as '{}'", ending);
    result = {kind->first, json.at("steps")};
  } catch (const nlohmann::json::exception&) {
    raise(path.string(), "is damaged: it is not the result of a run");
  }
  const auto rows = static_cast<std::int64_t>(read_csv(folder.metrics_path()).at("step").size());
  return rows == result.steps ? std::optional(result) : std::nullopt;
}

RunSummary summarise(const RunFolder& folder, const Schedule& schedule, std::int64_t size) {
  const CsvColumns csv = read_csv(folder.metrics_path());
  const std::string& name = schedule.name;
  RunSummary summary{.row = {.name = name,
                             .steps = last_number(csv.at("step")),
                             .work_units = last_number(csv.at("work_units")),
                             .seconds = last_number(csv.at("seconds")),
                             .flop = last_number(csv.at("flop")),
                             .mse = last_number(csv.at("validation_mse")),
                             .psnr = last_number(csv.at("validation_psnr")),
                             .ssim = last_number(csv.at("validation_ssim"))},
                     .training = labelled(curve_of(csv, "loss"), name),
                     .validation = labelled(curve_of(csv, "validation_mse"), name)};
  summary.result = read_result(folder).value_or(RunResult{});
  if (summary.result.kind == Kind::diverged) {
    summary.row.mse = summary.row.psnr = summary.row.ssim = kUnmeasured;
  }
  const auto& peaks = csv.at("peak_memory_bytes");
  if (!peaks.empty()) {
    summary.row.peak_memory_bytes = *std::max_element(peaks.begin(), peaks.end());
  }
  for (int m = 0; m < schedule.meshes(); ++m) {
    const auto column = [&](const char* what) { return csv.at(mesh_column(m, what)); };
    const std::int64_t pixels = size / Mesh{m}.spacing();
    summary.meshes.push_back({.strategy = name,
                              .mesh = m,
                              .size = pixels,
                              .loss = last_number(column("loss")),
                              .gradient_norm = last_number(column("gradient_norm")),
                              .variance = last_number(column("variance")),
                              .seconds = seconds_of(column("samples"), column("seconds")),
                              .flop = total_of(column("flop"))});
    const std::string label = fmt::format("mesh {0} ({1}×{1})", m, pixels);
    for (const auto& [curves, what] : {std::pair{&summary.gradient_norms, "gradient_norm"},
                                       std::pair{&summary.variances, "variance"}}) {
      Curve curve = labelled(curve_of(csv, mesh_column(m, what)), label, name);
      if (!curve.value.empty()) curves->push_back(std::move(curve));
    }
  }
  return summary;
}

}  // namespace telescope::app
