// SPDX-License-Identifier: MIT
// telescope compare: the same network and pictures under several strategies, side by side.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/run.h"
#include "apps/signals.h"
#include "apps/subcommands.h"
#include "core/file.h"
#include "core/memory.h"

namespace telescope::app {
namespace {

struct CompareCommand {
  CLI::App* command = nullptr;
  RunOptions options;
  MachineOptions machine;
  std::vector<std::string> strategies = {"single-scale", "mge", "full-multiscale"};
  std::int64_t seeds = 1;
  bool overwrite = false;
  std::string command_line;
};

struct Mean {
  double mean = 0, spread = kUnmeasured;  // sample standard deviation
};

Mean mean_of(const std::vector<RunSummary>& runs, double StrategyRow::*member) {
  const auto n = static_cast<double>(runs.size());
  Mean result;
  for (const RunSummary& run : runs) result.mean += run.row.*member / n;
  if (runs.size() < 2) return result;
  double square = 0;
  for (const RunSummary& run : runs) square += std::pow(run.row.*member - result.mean, 2);
  result.spread = std::sqrt(square / (n - 1));
  return result;
}

StrategyRow row_of(const std::vector<RunSummary>& runs) {
  StrategyRow row = runs.front().row;
  const Mean mse = mean_of(runs, &StrategyRow::mse), psnr = mean_of(runs, &StrategyRow::psnr);
  row.work_units = mean_of(runs, &StrategyRow::work_units).mean;
  row.seconds = mean_of(runs, &StrategyRow::seconds).mean;
  row.mse = mse.mean, row.mse_spread = mse.spread;
  row.psnr = psnr.mean, row.psnr_spread = psnr.spread;
  row.seeds = static_cast<int>(runs.size());
  for (const RunSummary& run : runs) {
    row.peak_memory_bytes = std::max(row.peak_memory_bytes, run.row.peak_memory_bytes);
  }
  return row;
}

// One run of one strategy; 0, or the signal that stopped it.
int run_one(const CompareCommand& compare, const Machine& machine, const Pictures& pictures,
            const RunFolder& whole, std::uint64_t seed, const std::string& strategy,
            RunSummary& summary, std::string& sheet) {
  RunOptions options = compare.options;
  options.strategy = strategy;
  options.seed += seed;
  release_cached_memory(machine.device);
  reset_peak_memory(machine.device);
  Experiment experiment(options, pictures, machine);
  const RunFolder folder =
      whole.part(compare.seeds == 1 ? strategy : strategy + "-seed" + std::to_string(options.seed));
  folder.write_config(to_json(options));
  if (const int signal = run(experiment, folder, false)) return signal;
  summary = summarise(folder, experiment.trainer().schedule(), options.size);
  sheet = sample_sheet(experiment);
  folder.write_sample("validation", sheet);
  return 0;
}

void check_strategies(const CompareCommand& compare) {
  TELESCOPE_CHECK(compare.seeds >= 1, "--seeds", "expected at least 1, got {}", compare.seeds);
  TELESCOPE_CHECK(!compare.strategies.empty(), "--strategies", "expected at least one");
  auto sorted = compare.strategies;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  TELESCOPE_CHECK(twice == sorted.end(), "--strategies", "'{}' is named twice", *twice);
  for (const std::string& name : compare.strategies) {
    RunOptions options = compare.options;
    options.strategy = name;
    (void)schedule_of(options);
  }
}

int compare(CompareCommand& compare) {
  const Machine machine = apply(compare.machine);
  resolve(compare.options);
  check_strategies(compare);
  const Pictures pictures(compare.options);
  const RunFolder folder(
      compare.machine.out.empty() ? default_folder("compare") : compare.machine.out,
      compare.overwrite ? Existing::overwrite : Existing::refuse);
  nlohmann::json config = to_json(compare.options);
  config["strategies"] = compare.strategies;
  config["seeds"] = compare.seeds;
  folder.write_config(config);
  std::fprintf(stderr, "%s\nrun folder: %s\n", pictures.description().c_str(),
               folder.path().c_str());

  Report report{.title = compare.options.task + " with " + compare.options.model +
                         ": strategies side by side",
                .command_line = compare.command_line,
                .configuration = configuration(compare.options),
                .environment = environment(machine.device)};
  for (const std::string& strategy : compare.strategies) {
    std::vector<RunSummary> runs;
    std::string sheet;
    for (std::int64_t seed = 0; seed < compare.seeds; ++seed) {
      if (const int signal =
              run_one(compare, machine, pictures, folder, static_cast<std::uint64_t>(seed),
                      strategy, runs.emplace_back(), sheet)) {
        std::fprintf(stderr, "stopped in %s; what was finished is in %s\n", strategy.c_str(),
                     folder.path().c_str());
        return exit_code_of(signal);
      }
      report.training.push_back(runs.back().training);
      report.validation.push_back(runs.back().validation);
    }
    report.strategies.push_back(row_of(runs));
    const auto& meshes = runs.back().meshes;
    report.meshes.insert(report.meshes.end(), meshes.begin(), meshes.end());
    report.pictures.push_back(
        {.png = sheet, .caption = strategy + ": degraded, restored and clean validation images"});
  }
  compare_with(report.strategies, compare.strategies.front());
  folder.write_report(render_html(report));
  write_file_atomically(folder.path() / "results.csv", to_csv(report.strategies));
  write_file_atomically(folder.path() / "results.json", to_json(report).dump(2) + "\n");
  std::printf("%s", format_table(report.strategies).c_str());
  std::printf("report: %s\n", folder.report_path().c_str());
  return 0;
}

}  // namespace

Subcommand add_compare(CLI::App& program) {
  const auto state = std::make_shared<CompareCommand>();
  state->command =
      program.add_subcommand("compare", "Train with several strategies and compare them");
  add_options(*state->command, state->options, {"strategy"});
  add_options(*state->command, state->machine);
  state->command
      ->add_option("--strategies", state->strategies,
                   "Which, separated by commas; speed-ups are against the first")
      ->delimiter(',')
      ->capture_default_str();
  state->command
      ->add_option("--seeds", state->seeds, "Runs of each strategy, seeds counted from --seed")
      ->capture_default_str();
  state->command->add_flag("--overwrite", state->overwrite,
                           "Replace the comparison in --out, if there is one");
  return [state](const std::string& command_line) {
    state->command_line = command_line;
    return compare(*state);
  };
}

}  // namespace telescope::app
