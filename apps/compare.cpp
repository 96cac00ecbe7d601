// SPDX-License-Identifier: MIT
// telescope compare: the same network and pictures under several strategies, side by side.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/compare_plan.h"
#include "apps/comparison.h"
#include "apps/number.h"
#include "apps/run.h"
#include "apps/signals.h"
#include "apps/subcommands.h"
#include "apps/text.h"
#include "core/file.h"
#include "core/memory.h"

namespace telescope::app {
namespace {

struct CompareCommand {
  CLI::App* command = nullptr;
  Comparison comparison;
  MachineOptions machine;
  bool resume = false, overwrite = false;
  std::string command_line;
};

std::string part_name(const Comparison& c, const RunOptions& run) {
  return c.seeds == 1 ? run.strategy : run.strategy + "-seed" + std::to_string(run.seed);
}

RunOptions of_seed(RunOptions plan, std::int64_t seed) {
  plan.seed += static_cast<std::uint64_t>(seed);
  return plan;
}

RunResult result_of(Ending ending, std::int64_t steps) {
  using Kind = RunResult::Kind;
  const Kind kind = ending == Ending::reached_target ? Kind::reached_target
                    : ending == Ending::out_of_time  ? Kind::out_of_time
                                                     : Kind::completed;
  return {kind, steps};
}

// Runs one strategy with one seed to its end and leaves result.json; 0, or the signal that came.
int run_part(const RunOptions& options, const Budget& budget, const Pictures& pictures,
             const Machine& machine, const RunFolder& folder, bool resume) {
  release_cached_memory(machine.device);
  reset_peak_memory(machine.device);
  Experiment experiment(options, pictures, machine);
  const bool begun = resume && std::filesystem::exists(folder.checkpoint_path());
  if (begun) {
    experiment.load_checkpoint(folder.checkpoint_path());
  } else {
    folder.write_config(to_json(options));
  }
  RunEnd end;
  RunResult result;
  try {
    end = run(experiment, folder, begun, budget.limits());
    if (end.ending == Ending::interrupted) return end.signal;
    result = result_of(end.ending, experiment.trainer().state().steps);
  } catch (const Diverged& diverged) {
    std::fprintf(stderr, "%s: %s\n", options.strategy.c_str(), diverged.what());
    result = {RunResult::Kind::diverged, experiment.trainer().state().steps};
  }
  folder.write_sample("validation", sample_sheet(experiment));
  write_result(folder, result);
  return end.signal;
}

// What stands in the folder of a finished run must be what would be run.
bool is_finished(const RunFolder& folder, const RunOptions& options) {
  if (!read_result(folder)) return false;
  TELESCOPE_CHECK(folder.read_config() == to_json(options), folder.path().string(),
                  "holds a run with other options than those of the comparison");
  return true;
}

// All seeds of the strategies so far, and what goes on the page beside their figures.
struct Results {
  std::vector<std::vector<RunSummary>> strategies;
  std::vector<Picture> pictures;
};

int run_all(const CompareCommand& command, const Pictures& pictures, const Machine& machine,
            const RunFolder& whole, Results& results) {
  const Comparison& c = command.comparison;
  for (const RunOptions& plan : c.plans) {
    std::vector<RunSummary>& runs = results.strategies.emplace_back();
    for (std::int64_t seed = 0; seed < c.seeds; ++seed) {
      const RunOptions options = of_seed(plan, seed);
      const RunFolder folder = whole.part(part_name(c, options));
      if (!(command.resume && is_finished(folder, options))) {
        const int signal = run_part(options, c.budget, pictures, machine, folder, command.resume);
        if (signal) return signal;
      }
      runs.push_back(summarise(folder, schedule_of(options), options.size));
      runs.back().seed = options.seed;
      if (seed > 0) continue;
      results.pictures.push_back(
          {.png = read_text_file(folder.path() / "samples" / "validation.png"),
           .caption = plan.strategy + ": degraded, restored and clean validation images"});
    }
  }
  return 0;
}

NamedValues configuration(const Comparison& c) {
  RunOptions options = c.options;
  NamedValues values = configuration(options);
  // Each strategy has its own.
  std::erase_if(values, [](const auto& v) {
    return v.first == "strategy" || v.first == "stage-steps" || v.first == "measure-every";
  });
  if (!c.budget.str().empty()) {
    std::erase_if(values, [](const auto& v) { return v.first == "steps"; });
    values.insert(values.begin(), {"budget", c.budget.str() + " for each strategy"});
  }
  if (c.budget.target) values.insert(values.begin(), {"target", format_value(*c.budget.target)});
  values.insert(values.begin(), {"seeds", std::to_string(c.seeds)});
  return values;
}

template <class T>
void append(std::vector<T>& all, const std::vector<T>& more) {
  all.insert(all.end(), more.begin(), more.end());
}

Report report_of(const CompareCommand& command, const Machine& machine, const Results& results) {
  const Comparison& c = command.comparison;
  Report report{.title = c.options.task + " with " + c.options.model + ": strategies side by side",
                .command_line = c.command_line,
                .budget = c.budget.str(),
                .target = c.budget.target,
                .configuration = configuration(c),
                .environment = environment(machine.device),
                .pictures = results.pictures};
  for (const auto& runs : results.strategies) {
    report.strategies.push_back(row_of(runs, c.budget.target.has_value()));
    for (const RunSummary& run : runs) {
      report.training.push_back(run.training);
      report.validation.push_back(run.validation);
      append(report.gradient_norms, run.gradient_norms);
      append(report.variances, run.variances);
    }
    append(report.meshes, mesh_rows_of(runs));
  }
  for (const std::string& baseline : baselines_among(c.strategies)) {
    const auto at = std::find(c.strategies.begin(), c.strategies.end(), baseline);
    const auto& base = results.strategies[static_cast<std::size_t>(at - c.strategies.begin())];
    for (const auto& runs : results.strategies) {
      report.versus.push_back(compare_runs(runs, base, c.budget.target));
    }
  }
  return report;
}

// Opens the folder of a comparison to be continued, and takes over what it was started with.
RunFolder resumed_folder(CompareCommand& command) {
  TELESCOPE_CHECK(!command.machine.out.empty(), "--resume",
                  "expected --out with the folder of the comparison to resume");
  RunFolder folder(command.machine.out, Existing::resume);
  const auto config = folder.read_config();
  const std::string file = (folder.path() / "config.json").string();
  TELESCOPE_CHECK(config.contains("strategies"), "--resume",
                  "{} is the folder of one run, expected that of a comparison",
                  folder.path().string());
  const Comparison stored = comparison_from_json(config, file);
  check_same(*command.command, command.comparison, stored);
  command.comparison = stored;
  return folder;
}

// A new folder, without anything that an earlier comparison left in those of its parts.
RunFolder new_folder(const CompareCommand& command) {
  const Comparison& c = command.comparison;
  RunFolder folder(command.machine.out.empty() ? default_folder("compare") : command.machine.out,
                   command.overwrite ? Existing::overwrite : Existing::refuse);
  for (const std::string& strategy : c.strategies) {
    for (std::int64_t seed = 0; seed < c.seeds; ++seed) {
      RunOptions options = of_seed(c.options, seed);
      options.strategy = strategy;
      (void)folder.part(part_name(c, options));
    }
  }
  return folder;
}

int compare(CompareCommand& command) {
  const Machine machine = apply(command.machine);
  std::optional<RunFolder> folder;
  if (command.resume) folder.emplace(resumed_folder(command));
  Comparison& c = command.comparison;
  resolve(c);
  const Pictures pictures(c.options);
  if (!command.resume) {
    c.command_line = command.command_line;
    const bool measures = command.command->count("--measure-every") > 0;
    c.plans = plans_of(c, measures, pictures, machine);
    folder.emplace(new_folder(command));
    folder->write_config(to_json(c));
  }
  std::fprintf(stderr, "%s\nrun folder: %s\n", pictures.description().c_str(),
               one_line(folder->path().string()).c_str());
  Results results;
  if (const int signal = run_all(command, pictures, machine, *folder, results)) {
    std::fprintf(stderr, "stopped; continue with: telescope compare --resume --out %s\n",
                 shell_word(folder->path().string()).c_str());
    return exit_code_of(signal);
  }
  const Report report = report_of(command, machine, results);
  folder->write_report(render_html(report));
  write_file_atomically(folder->path() / "results.csv", to_csv(report));
  write_file_atomically(folder->path() / "results.json", to_json(report).dump(2) + "\n");
  std::printf("%sreport: %s\n", format_tables(report).c_str(),
              one_line(folder->report_path().string()).c_str());
  return 0;
}

void add_budget(CLI::App& command, Budget& budget) {
  auto* work = command.add_option(
      "--budget-wu", budget.work_units,
      "Work units of each strategy's run, in place of --steps (random-resizing and "
      "randomised-mge: on average); stages keep the ratio of their steps");
  auto* seconds = command.add_option(
      "--budget-seconds", budget.seconds,
      "Seconds of training of each strategy's run, validation left out, in place of --steps: the "
      "steps come from a short pilot; a run that takes a twentieth more is stopped");
  auto* target = command.add_option(
      "--target", budget.target,
      "Stop a run at the first validation whose MSE is as small as this; its learning rate is that "
      "of the whole budget");
  for (auto* option : {work, seconds, target}) option->check(number<double>());
  work->excludes(seconds)->excludes("--steps");
  seconds->excludes("--steps");
}

}  // namespace

Subcommand add_compare(CLI::App& program) {
  const auto state = std::make_shared<CompareCommand>();
  Comparison& c = state->comparison;
  state->command = program.add_subcommand(
      "compare", "Train with several strategies under one budget and compare them");
  add_options(*state->command, c.options, {"strategy", "stage-steps"});
  state->command->get_option("--measure-every")
      ->description(
          "Steps between measurements of each level's gradient norm and variance; 0: never; "
          "default: 20. Such a step takes smaller passes, and longer")
      ->default_str("");
  add_options(*state->command, state->machine);
  state->command
      ->add_option("--strategies", c.strategies,
                   "Which, separated by commas; they are held against single-scale and "
                   "single-scale-small where these are among them, else against the first")
      ->delimiter(',')
      ->capture_default_str();
  state->command->add_option("--seeds", c.seeds, "Runs of each strategy, seeds counted from --seed")
      ->capture_default_str()
      ->check(number<std::int64_t>());
  add_budget(*state->command, c.budget);
  auto* resume = state->command->add_flag(
      "--resume", state->resume,
      "Continue the comparison in --out: finished runs are kept, the one in work goes on");
  state->command
      ->add_flag("--overwrite", state->overwrite,
                 "Replace the comparison in --out, if there is one")
      ->excludes(resume);
  return [state](const std::string& command_line) {
    state->command_line = command_line;
    return compare(*state);
  };
}

}  // namespace telescope::app
