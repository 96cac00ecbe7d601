// SPDX-License-Identifier: MIT
// telescope study variance | allocation | transfer: pictures for the method itself.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/number.h"
#include "apps/run.h"
#include "apps/study_allocation.h"
#include "apps/study_transfer.h"
#include "apps/study_variance.h"
#include "apps/subcommands.h"
#include "apps/text.h"
#include "core/file.h"

namespace telescope::app {
namespace {

struct StudyCommand {
  CLI::App* command = nullptr;
  RunOptions options;
  MachineOptions machine;
  std::vector<std::string> restrictions = {"injection", "mean", "full-weighting"};
  std::vector<std::string> placements = {"finest", "every-mesh"};
  std::vector<std::int64_t> train_steps = {0, 50, 200};
  std::int64_t samples = 128, repeats = 64, picture = 0;
  double budget = 0;
  bool overwrite = false;
  std::string command_line;
  void (*run)(StudyCommand&) = nullptr;

  std::string name() const { return command->get_name(); }
};

using Names = std::vector<std::string>;

// Of the options of a run those that are named.
void add_some(CLI::App& command, RunOptions& options, const Names& names) {
  Names others;
  const nlohmann::json all = to_json(options);
  for (const auto& [name, value] : all.items()) {
    if (std::find(names.begin(), names.end(), name) == names.end()) others.push_back(name);
  }
  add_options(command, options, others);
}

void add_restrictions(StudyCommand& study) {
  study.command
      ->add_option("--restriction", study.restrictions,
                   "Of injection, mean, full-weighting, bilinear, bilinear-aligned, separated by "
                   "commas")
      ->delimiter(',')
      ->capture_default_str();
}

// A network, how it is trained meanwhile, and at which steps it is looked at.
void add_network(StudyCommand& study) {
  RunOptions& o = study.options;
  o.strategy = "mge";
  o.hidden = 32;
  o.batch = {4};
  o.validation_images = 1;  // nothing is validated
  add_some(*study.command, o,
           {"task", "scale", "loss", "model", "hidden", "blocks", "dropout", "data", "resize",
            "validation", "strict", "size", "levels", "batch", "growth", "optimizer", "lr",
            "lr-final", "seed"});
  study.command
      ->add_option("--train-steps", study.train_steps,
                   "After how many steps of MGE to look, separated by commas; 0: at initialisation")
      ->delimiter(',')
      ->capture_default_str()
      ->check(number<std::int64_t>(0, 1000000));
  study.command
      ->add_option("--samples", study.samples, "Samples whose gradients are taken one by one")
      ->capture_default_str()
      ->check(number<std::int64_t>(16, 1000000));
}

template <class T>
std::vector<T> parse_all(const char* option, const Names& names, T (*parse)(std::string_view)) {
  TELESCOPE_CHECK(!names.empty(), option, "expected at least one");
  std::vector<T> values;
  for (const std::string& name : names) values.push_back(parse(name));
  return values;
}

void resolve_options(StudyCommand& study) {
  resolve(study.options);
  TELESCOPE_CHECK(study.options.levels >= 2, "--levels",
                  "expected at least 2 meshes to compare, got {}", study.options.levels);
}

void resolve_network(StudyCommand& study) {
  RunOptions& o = study.options;
  // Channels of this study's own, where the network has a choice.
  if (study.command->get_option("--hidden")->count() == 0 && o.model == "espcn") o.hidden = 0;
  TELESCOPE_CHECK(!study.train_steps.empty(), "--train-steps", "expected at least one number");
  std::sort(study.train_steps.begin(), study.train_steps.end());
  o.steps = std::max<std::int64_t>(1, study.train_steps.back());
  resolve_options(study);
}

// What was asked for, by the names on the command line.
nlohmann::json config_of(const StudyCommand& study) {
  const auto has = [&](const std::string& name) {
    return study.command->get_option_no_throw("--" + name) != nullptr;
  };
  nlohmann::json config = nlohmann::json::object();
  const nlohmann::json all = to_json(study.options);
  for (const auto& [name, value] : all.items()) {
    if (has(name)) config[name] = value;
  }
  if (study.name() != "allocation") config["restriction"] = study.restrictions;
  if (study.name() == "variance") config["degrade"] = study.placements;
  if (has("train-steps")) config["train-steps"] = study.train_steps;
  if (has("samples")) config["samples"] = study.samples;
  if (has("repeats")) config["repeats"] = study.repeats;
  if (has("budget")) config["budget"] = study.budget;
  if (has("picture")) config["picture"] = study.picture;
  config["study"] = study.name();
  return config;
}

std::string text_of(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return value.dump();
  std::string text;
  for (const nlohmann::json& part : value) text += (text.empty() ? "" : ",") + text_of(part);
  return text;
}

NamedValues named_values(const nlohmann::json& config) {
  NamedValues values;
  for (const auto& [name, value] : config.items()) values.emplace_back(name, text_of(value));
  return values;
}

RunFolder open_folder(const StudyCommand& study) {
  RunFolder folder(
      study.machine.out.empty() ? default_folder("study-" + study.name()) : study.machine.out,
      study.overwrite ? Existing::overwrite : Existing::refuse);
  std::fprintf(stderr, "run folder: %s\n", folder.path().c_str());
  return folder;
}

// Everything at the end, so that a study that was stopped leaves nothing.
void write(const StudyCommand& study, const RunFolder& folder, const Device& device,
           const std::string& title, const Findings& findings) {
  const nlohmann::json config = config_of(study);
  folder.write_config(config);
  folder.write_report(render_html(StudyPage{.title = title,
                                            .command_line = study.command_line,
                                            .lead = findings.lessons,
                                            .sections = findings.sections,
                                            .configuration = named_values(config),
                                            .environment = environment(device)}));
  write_file_atomically(folder.path() / "results.csv", to_csv(findings.figures));
  const nlohmann::json results = {{"study", study.name()},
                                  {"lessons", findings.lessons},
                                  {"figures", to_json(findings.figures)}};
  write_file_atomically(folder.path() / "results.json", results.dump(2) + "\n");
  std::printf("%s", align_columns(findings.table).c_str());
  for (const std::string& lesson : findings.lessons) std::printf("\n%s", lesson.c_str());
  std::printf("\n\nreport: %s\n", folder.report_path().c_str());
}

void add_variance(StudyCommand& study) {
  add_network(study);
  add_restrictions(study);
  study.command
      ->add_option(
          "--degrade", study.placements,
          "Of finest (on mesh 0, and the degraded image is restricted) and every-mesh (anew "
          "on every mesh, with the same draws), separated by commas")
      ->delimiter(',')
      ->capture_default_str();
}

void variance(StudyCommand& study) {
  const Machine machine = apply(study.machine);
  const VarianceOptions how{
      .restrictions = parse_all("--restriction", study.restrictions, parse_restriction),
      .placements = parse_all("--degrade", study.placements, parse_placement),
      .steps = study.train_steps,
      .samples = study.samples};
  study.options.restriction = study.restrictions.front();  // the first are trained with
  study.options.degrade = study.placements.front();
  resolve_network(study);
  StudySubject subject(study.options, machine);
  const RunFolder folder = open_folder(study);
  write(study, folder, machine.device,
        fmt::format("Variance of gradients and of their differences: {}, {}", study.options.task,
                    network_description(study.options)),
        findings(study_variance(subject, how), mesh_names(study.options)));
}

void add_allocation(StudyCommand& study) {
  add_network(study);
  add_some(*study.command, study.options, {"restriction", "degrade"});
  study.command
      ->add_option("--repeats", study.repeats,
                   "Estimates of the gradient with fresh samples by each plan")
      ->capture_default_str()
      ->check(number<std::int64_t>(16, 1000000));
  study.command
      ->add_option("--budget", study.budget,
                   "Work units of an estimate; 0: those of a step of the training")
      ->capture_default_str()
      ->check(number<double>());
}

void allocation(StudyCommand& study) {
  const Machine machine = apply(study.machine);
  resolve_network(study);
  const Stage stage = schedule_of(study.options).stages.front();
  if (study.budget == 0) study.budget = work_units_per_step(stage);
  const double least = work_units(BatchPlan::geometric(1, stage.plan.levels(), 1));
  TELESCOPE_CHECK(study.budget >= least && study.budget <= 1e6, "--budget",
                  "expected {} (one sample of every level) to 1e6 work units, got {}", least,
                  study.budget);
  const AllocationStudyOptions how{.restriction = parse_restriction(study.options.restriction),
                                   .placement = parse_placement(study.options.degrade),
                                   .steps = study.train_steps,
                                   .samples = study.samples,
                                   .repeats = study.repeats,
                                   .budget = study.budget};
  StudySubject subject(study.options, machine);
  const RunFolder folder = open_folder(study);
  write(study, folder, machine.device,
        fmt::format("Batches for the least variance: {}, {}", study.options.task,
                    network_description(study.options)),
        findings(study_allocation(subject, how), mesh_names(study.options)));
}

void add_transfer(StudyCommand& study) {
  study.options.size = 256;
  study.machine.device = "cpu";
  study.restrictions.push_back("bilinear-aligned");
  add_some(*study.command, study.options, {"data", "resize", "strict", "size", "levels", "seed"});
  add_restrictions(study);
  study.command
      ->add_option("--picture", study.picture,
                   "Which picture of --data, counted from 0; its middle")
      ->capture_default_str()
      ->check(number<std::int64_t>(0));
}

Tensor picture_of(const StudyCommand& study) {
  const RunOptions& o = study.options;
  const auto set = open_dataset(o.data, Part::training,
                                {.crop = o.size, .resize = o.resize, .strict = o.strict});
  TELESCOPE_CHECK(study.picture < set->size(), "--picture", "expected a number below {}, got {}",
                  set->size(), study.picture);
  const Tensor picture = Tensor::empty({1, o.size, o.size, 3});
  set->fill_centre_crop(study.picture, o.size, picture.data<float>());
  std::fprintf(stderr, "%s: %s\n", set->description().c_str(), set->name(study.picture).c_str());
  return picture;
}

void transfer(StudyCommand& study) {
  const Machine machine = apply(study.machine);
  TELESCOPE_CHECK(machine.device.is_cpu(), "--device",
                  "transfer is studied on the cpu, in f64, got {}", study.machine.device);
  const auto restrictions = parse_all("--restriction", study.restrictions, parse_restriction);
  resolve_options(study);
  const Tensor picture = picture_of(study);
  const RunFolder folder = open_folder(study);
  write(study, folder, machine.device, "What transfer between meshes does to a picture",
        findings(study_transfer(picture, restrictions, static_cast<int>(study.options.levels),
                                study.options.seed)));
}

}  // namespace

Subcommand add_study(CLI::App& program) {
  CLI::App* study = program.add_subcommand("study", "Pictures for the method itself");
  study->require_subcommand(0, 1);  // none: see below
  const auto all = std::make_shared<std::vector<std::shared_ptr<StudyCommand>>>();
  const auto add = [&](const char* name, const char* help, void (*add_own)(StudyCommand&),
                       void (*run)(StudyCommand&)) {
    const auto& state = all->emplace_back(std::make_shared<StudyCommand>());
    state->command = study->add_subcommand(name, help);
    state->run = run;
    add_own(*state);
    add_options(*state->command, state->machine);
    state->command->add_flag("--overwrite", state->overwrite,
                             "Replace the study in --out, if there is one");
  };
  add("variance", "Variance and norm of gradients and of their differences between meshes",
      add_variance, variance);
  add("allocation", "Variance of the estimated gradient by how the work is spent on the meshes",
      add_allocation, allocation);
  add("transfer", "What restrictions and prolongations do to a picture, its spectrum and noise",
      add_transfer, transfer);
  return [all](const std::string& command_line) {
    for (const auto& state : *all) {
      if (!state->command->parsed()) continue;
      state->command_line = command_line;
      state->run(*state);
      return 0;
    }
    raise("study", "expected variance, allocation or transfer (see telescope study --help)");
  };
}

}  // namespace telescope::app
