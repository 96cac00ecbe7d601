// SPDX-License-Identifier: MIT
#include "apps/run.h"

#include <algorithm>
#include <cmath>

#include "apps/image.h"
#include "apps/progress.h"
#include "apps/signals.h"
#include "core/memory.h"

namespace telescope::app {
namespace {

constexpr const char* mesh_columns[] = {"samples",  "loss",    "difference", "gradient_norm",
                                        "variance", "seconds", "flop"};

std::string mesh_column(int mesh, const char* name) { return Mesh{mesh}.str() + "_" + name; }

std::vector<std::string> columns_for(int meshes) {
  std::vector<std::string> columns = {
      "step",           "work_units",      "seconds",          "images",
      "flop",           "learning_rate",   "finest_mesh",      "loss",
      "validation_mse", "validation_psnr", "peak_memory_bytes"};
  for (int m = 0; m < meshes; ++m) {
    for (const char* name : mesh_columns) columns.push_back(mesh_column(m, name));
  }
  return columns;
}

CsvCell cell(const std::optional<double>& value) {
  if (value) return *value;
  return {};
}

std::vector<CsvCell> row_of(const StepReport& report, const TrainerState& state,
                            const std::optional<Quality>& quality, const Device& device,
                            int meshes) {
  std::vector<CsvCell> row;
  const auto add = [&row](const auto&... values) { (row.emplace_back(values), ...); };
  add(state.steps, state.work_units, state.seconds, state.images, state.flop, report.learning_rate,
      std::int64_t{report.meshes.front().mesh.level}, report.loss);
  add(cell(quality ? std::optional(quality->mse) : std::nullopt),
      cell(quality ? std::optional(quality->psnr) : std::nullopt), memory_use(device).peak);
  for (int m = 0; m < meshes; ++m) {
    const auto found = std::find_if(report.meshes.begin(), report.meshes.end(),
                                    [m](const MeshReport& r) { return r.mesh.level == m; });
    if (found == report.meshes.end()) {
      row.resize(row.size() + std::size(mesh_columns));
    } else {
      add(found->samples, found->loss, found->difference, cell(found->gradient_norm),
          cell(found->variance), cell(found->seconds), found->flop);
    }
  }
  return row;
}

// Every `every` steps and after the last; 0 stands for ten times a run.
bool due(std::int64_t steps_done, std::int64_t every, std::int64_t total) {
  if (every == 0) every = std::max<std::int64_t>(1, total / 10);
  return steps_done % every == 0 || steps_done == total;
}

}  // namespace

int run(Experiment& experiment, const RunFolder& folder, bool resumed) {
  Trainer& trainer = experiment.trainer();
  const RunOptions& options = experiment.options();
  const std::int64_t total = trainer.schedule().steps();
  const int meshes = trainer.schedule().meshes();
  const bool runs_ahead = !experiment.device().is_cpu();  // the CPU is done when a call returns
  const auto point = [&](double loss) {
    const TrainerState& s = trainer.state();
    return ProgressPoint{s.steps, loss, s.work_units, s.images};
  };

  const auto csv = folder.metrics(columns_for(meshes),
                                  resumed ? std::optional(trainer.state().steps) : std::nullopt);
  const auto checkpoint = [&] {
    csv->sync();  // a checkpoint whose rows are gone could not be resumed
    experiment.save_checkpoint(folder.checkpoint_path());
  };
  if (!resumed) checkpoint();  // so that a run can be resumed whenever it is killed
  Progress progress({trainer.schedule().name, total, work_units(trainer.schedule())}, point(0));
  const SignalGuard signals;
  const auto log = [&](const StepReport& report, const std::optional<Quality>& quality) {
    csv->add(row_of(report, trainer.state(), quality, experiment.device(), meshes));
    progress.update(point(report.loss));
  };
  // The parameters have the steps in flight already, so a checkpoint must count them.
  const auto save_what_is_done = [&] {
    try {
      while (trainer.in_flight() > 0) log(trainer.finish_step(), {});
    } catch (const Failure&) {
      // The trainer has gone back to the step before; the first failure is the one to tell.
    }
    progress.finish();
    checkpoint();
  };
  while (!trainer.done()) {
    StepReport report;
    try {
      if (trainer.in_flight() == 0) trainer.start_step();
      // A device is given its next step early, but not past one after which all must stand still.
      const std::int64_t next = trainer.state().steps + 1;
      const bool pause = due(next, options.validate_every, total) ||
                         due(next, options.checkpoint_every, total) || stop_requested();
      if (runs_ahead && !pause) trainer.start_step();
      report = trainer.finish_step();
    } catch (const Failure&) {
      save_what_is_done();
      throw;
    }
    const std::int64_t done = trainer.state().steps;
    std::optional<Quality> quality;
    try {
      if (due(done, options.validate_every, total)) quality = experiment.validate();
    } catch (const Failure&) {
      log(report, {});
      save_what_is_done();
      throw;
    }
    log(report, quality);
    if (trainer.in_flight() > 0) continue;
    const bool stop = stop_requested() != 0;  // asked once, so that no step is left out
    if (stop || due(done, options.checkpoint_every, total)) checkpoint();
    if (stop) break;
  }
  progress.finish();
  if (trainer.done()) experiment.save_weights(folder.path() / "model.safetensors");
  return trainer.done() ? 0 : stop_requested();
}

namespace {

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

// The points of a curve at which `values` has a number.
Curve curve_of(const CsvColumns& csv, const std::string& label, const char* values) {
  Curve curve{.label = label};
  const auto& column = csv.at(values);
  for (std::size_t i = 0; i < column.size(); ++i) {
    if (!std::isfinite(column[i])) continue;
    curve.value.push_back(column[i]);
    curve.steps.push_back(csv.at("step")[i]);
    curve.work_units.push_back(csv.at("work_units")[i]);
    curve.seconds.push_back(csv.at("seconds")[i]);
  }
  return curve;
}

}  // namespace

RunSummary summarise(const RunFolder& folder, const Schedule& schedule, std::int64_t size) {
  const CsvColumns csv = read_csv(folder.metrics_path());
  const std::string& name = schedule.name;
  RunSummary summary{.row = {.name = name,
                             .work_units = last_number(csv.at("work_units")),
                             .seconds = last_number(csv.at("seconds")),
                             .mse = last_number(csv.at("validation_mse")),
                             .psnr = last_number(csv.at("validation_psnr"))},
                     .training = curve_of(csv, name, "loss"),
                     .validation = curve_of(csv, name, "validation_mse"),
                     .meshes = {}};
  const auto& peaks = csv.at("peak_memory_bytes");
  summary.row.peak_memory_bytes =
      peaks.empty() ? kUnmeasured : *std::max_element(peaks.begin(), peaks.end());
  for (int m = 0; m < schedule.meshes(); ++m) {
    const auto column = [&](const char* what) { return csv.at(mesh_column(m, what)); };
    summary.meshes.push_back({.strategy = name,
                              .mesh = m,
                              .size = size / Mesh{m}.spacing(),
                              .loss = last_number(column("loss")),
                              .gradient_norm = last_number(column("gradient_norm")),
                              .variance = last_number(column("variance")),
                              .seconds = seconds_of(column("samples"), column("seconds")),
                              .flop = total_of(column("flop"))});
  }
  return summary;
}

std::string sample_sheet(const Experiment& experiment, std::int64_t count) {
  Tensor output;
  const Samples samples = experiment.restored(count, output);
  return encode_png(
      contact_sheet({to_images(samples.input), to_images(output), to_images(samples.target)}));
}

}  // namespace telescope::app
