// SPDX-License-Identifier: MIT
#include "apps/run.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "apps/image.h"
#include "apps/progress.h"
#include "apps/signals.h"
#include "core/memory.h"
#include "multilevel/budget.h"

namespace telescope::app {
std::string mesh_column(int mesh, const char* name) { return Mesh{mesh}.str() + "_" + name; }

namespace {

constexpr const char* mesh_columns[] = {"samples",  "loss",    "difference", "gradient_norm",
                                        "variance", "seconds", "flop"};

std::vector<std::string> columns_for(int meshes) {
  std::vector<std::string> columns = {
      "step",           "work_units",      "seconds",         "images",
      "flop",           "learning_rate",   "finest_mesh",     "loss",
      "validation_mse", "validation_psnr", "validation_ssim", "peak_memory_bytes"};
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
      cell(quality ? std::optional(quality->psnr) : std::nullopt),
      cell(quality ? std::optional(quality->ssim) : std::nullopt), memory_use(device).peak);
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

// After which steps to validate by default: evenly in work, as stages differ in what a step costs,
// and more often where the loss falls fastest.
std::set<std::int64_t> validations_of(const Schedule& schedule) {
  std::set<std::int64_t> steps;
  for (const int part : {80, 40, 20}) steps.insert(steps_of_share(schedule, 1.0 / part));
  for (int tenth = 1; tenth <= 10; ++tenth) steps.insert(steps_of_share(schedule, tenth / 10.0));
  return steps;
}

Quality validated(const Experiment& experiment) {
  const Quality quality = experiment.validate();
  if (!std::isfinite(quality.mse)) {
    throw Diverged(
        fmt::format("validation: the MSE after step {} is {}, expected a finite number; "
                    "a smaller learning rate may help",
                    experiment.trainer().state().steps, quality.mse));
  }
  return quality;
}

// The validation MSE after the last step that is on record, if there was one.
std::optional<double> last_mse(const RunFolder& folder) {
  const CsvColumns csv = read_csv(folder.metrics_path());
  const auto& mse = csv.at("validation_mse");
  return mse.empty() || std::isnan(mse.back()) ? std::nullopt : std::optional(mse.back());
}

}  // namespace

RunEnd run(Experiment& experiment, const RunFolder& folder, bool resumed, const Limits& limits) {
  Trainer& trainer = experiment.trainer();
  const RunOptions& options = experiment.options();
  const std::int64_t total = trainer.schedule().steps();
  const int meshes = trainer.schedule().meshes();
  const std::set<std::int64_t> validations = validations_of(trainer.schedule());
  const auto validates = [&](std::int64_t step) {
    return options.validate_every > 0 ? due(step, options.validate_every, total)
                                      : validations.count(step) > 0;
  };
  const auto ending_at = [&](std::optional<double> mse, bool late) {
    std::optional<Ending> ending;
    if (late) ending = Ending::out_of_time;
    if (trainer.done()) ending = Ending::completed;
    if (mse && *mse <= limits.target) ending = Ending::reached_target;
    return ending;
  };
  const auto out_of_time = [&] { return trainer.state().seconds > limits.seconds; };
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
  std::optional<Ending> ending;
  if (resumed) ending = ending_at(last_mse(folder), out_of_time());
  while (!ending) {
    StepReport report;
    try {
      if (trainer.in_flight() == 0) trainer.start_step();
      // A device is given its next step early, but not past one after which all must stand still.
      const std::int64_t next = trainer.state().steps + 1;
      const bool pause = validates(next) || due(next, options.checkpoint_every, total) ||
                         stop_requested() || out_of_time();
      if (runs_ahead && !pause) trainer.start_step();
      report = trainer.finish_step();
    } catch (const Failure&) {
      save_what_is_done();
      throw;
    }
    const std::int64_t done = trainer.state().steps;
    const bool late = out_of_time() && trainer.in_flight() == 0;
    std::optional<Quality> quality;
    try {
      if (late || validates(done)) quality = validated(experiment);
    } catch (const Failure&) {
      log(report, {});
      save_what_is_done();
      throw;
    }
    log(report, quality);
    if (trainer.in_flight() > 0) continue;
    const bool stop = stop_requested() != 0;  // asked once, so that no step is left out
    ending = ending_at(quality ? std::optional(quality->mse) : std::nullopt, late);
    if (stop || ending || due(done, options.checkpoint_every, total)) checkpoint();
    if (stop) break;
  }
  progress.finish();
  if (!ending) return {Ending::interrupted, stop_requested()};
  experiment.save_weights(folder.path() / "model.safetensors");
  return {*ending, stop_requested()};
}

std::string sample_sheet(const Experiment& experiment, std::int64_t count) {
  Tensor output;
  const Samples samples = experiment.restored(count, output);
  return encode_png(
      contact_sheet({to_images(samples.input), to_images(output), to_images(samples.target)}));
}

}  // namespace telescope::app
