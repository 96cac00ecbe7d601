// SPDX-License-Identifier: MIT
// telescope train: one network, one strategy, one run folder.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/signals.h"
#include "apps/subcommands.h"
#include "apps/summary.h"
#include "apps/text.h"

namespace telescope::app {
namespace {

struct TrainCommand {
  CLI::App* command = nullptr;
  RunOptions options;
  MachineOptions machine;
  bool resume = false, overwrite = false;
  std::string command_line;
};

void write_report(const TrainCommand& train, const Experiment& experiment,
                  const RunFolder& folder) {
  const RunOptions& options = experiment.options();
  const RunSummary summary = summarise(folder, experiment.trainer().schedule(), options.size);
  const std::string sheet = sample_sheet(experiment);
  folder.write_sample("validation", sheet);
  const Report report = {
      .title = options.task + " with " + options.model + ", " + options.strategy,
      .command_line = train.command_line,
      .configuration = configuration(options),
      .environment = environment(experiment.device()),
      .strategies = {summary.row},
      .training = {summary.training},
      .validation = {summary.validation},
      .gradient_norms = summary.gradient_norms,
      .variances = summary.variances,
      .meshes = summary.meshes,
      .pictures = {{.png = sheet, .caption = "Degraded, restored and clean validation images"}}};
  folder.write_report(render_html(report));
  std::printf("%s", format_tables(report).c_str());
  std::printf("report: %s\n", one_line(folder.report_path().string()).c_str());
}

int train(TrainCommand& train) {
  const Machine machine = apply(train.machine);
  TELESCOPE_CHECK(!train.resume || !train.machine.out.empty(), "--resume",
                  "expected --out with the folder of the run to resume");
  std::optional<RunFolder> folder;
  if (train.resume) {
    folder.emplace(train.machine.out, Existing::resume);
    const auto config = folder->read_config();
    TELESCOPE_CHECK(!config.contains("strategies"), "--resume",
                    "{} is the folder of a comparison, expected that of one run",
                    folder->path().string());
    TELESCOPE_CHECK(std::filesystem::exists(folder->checkpoint_path()), "--resume",
                    "{} has no checkpoint.safetensors to continue from; start the run again with "
                    "--overwrite",
                    folder->path().string());
    const RunOptions stored = options_from_json(config, (folder->path() / "config.json").string());
    check_same(*train.command, train.options, stored);
    train.options = stored;
  }
  resolve(train.options);
  const Pictures pictures(train.options);
  Experiment experiment(train.options, pictures, machine);
  if (train.resume) {
    experiment.load_checkpoint(folder->checkpoint_path());
  } else {
    const auto out = train.machine.out.empty() ? default_folder("train") : train.machine.out;
    folder.emplace(out, train.overwrite ? Existing::overwrite : Existing::refuse);
    folder->write_config(to_json(train.options));
  }
  std::fprintf(stderr, "%s\nrun folder: %s\n", pictures.description().c_str(),
               one_line(folder->path().string()).c_str());
  const RunEnd end = run(experiment, *folder, train.resume);
  if (end.ending == Ending::interrupted) {
    std::fprintf(stderr,
                 "stopped after step %ld; continue with: telescope train --resume --out %s\n",
                 static_cast<long>(experiment.trainer().state().steps),
                 shell_word(folder->path().string()).c_str());
    return exit_code_of(end.signal);
  }
  write_report(train, experiment, *folder);
  return 0;
}

}  // namespace

Subcommand add_train(CLI::App& program) {
  const auto state = std::make_shared<TrainCommand>();
  state->command = program.add_subcommand("train", "Train a network with one strategy");
  add_options(*state->command, state->options);
  add_options(*state->command, state->machine);
  auto* resume = state->command->add_flag("--resume", state->resume,
                                          "Continue the run in --out to the same bits");
  state->command
      ->add_flag("--overwrite", state->overwrite, "Replace the run in --out, if there is one")
      ->excludes(resume);
  return [state](const std::string& command_line) {
    state->command_line = command_line;
    return train(*state);
  };
}

}  // namespace telescope::app
