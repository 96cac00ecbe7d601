// SPDX-License-Identifier: MIT
#include "apps/options.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/network.h"
#include "apps/number.h"
#include "apps/task.h"
#include "apps/text.h"
#include "core/device.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/backend.h"
#include "kernels/conv2d/conv2d_variant.h"
#include "kernels/precision.h"
#include "layers/transfer.h"
#include "multilevel/schedule.h"

namespace telescope::app {
namespace {

std::string task_help() {
  std::string help = "What a clean image x becomes, and the network is to undo:";
  for (const std::string_view name : task_names()) {
    help += fmt::format("\n  {}: {}", name, Task(name).description());
  }
  return help;
}

// The one list of options: f(name, member, help).
template <class Options, class F>
void for_each_option(Options& o, F&& f) {
  f("task", o.task, task_help());
  f("scale", o.scale, "Of super-resolve: 2, 3 or 4 times as high and wide");
  f("degrade", o.degrade,
    "finest: on mesh 0, and the degraded image is restricted; every-mesh: anew on every mesh, with "
    "the same draws");
  f("loss", o.loss,
    "mse (of images in [-1,1]) or ssim (1 - SSIM); default: ssim to super-resolve, else mse");
  f("model", o.model, "Network: resnet or unet; resnet, srnet or espcn to super-resolve");
  f("hidden", o.hidden,
    "Channels inside the network; 0: the paper's (resnet 128, to super-resolve 100; unet 32; srnet "
    "64)");
  f("blocks", o.blocks,
    "Residual blocks (unet: a level); 0: the paper's (resnet 2, to super-resolve 9; unet 1)");
  f("dropout", o.dropout, "Probability that unet drops a value in training");
  f("data", o.data,
    "'builtin' (512 pictures of dead leaves, drawn by the program), or a folder: STL-10 or "
    "CIFAR-10 "
    "in binary files, CelebA, pairs of high and low resolution (Urban100), else PNG and JPEG "
    "pictures; it sees which, or is told: stl10:DIR, cifar10:, celeba:, pairs:, folder:");
  f("validation", o.validation,
    "Likewise, to validate on; default: what --data has for it, else a tenth, which is then not "
    "trained on");
  f("validation-images", o.validation_images, "At most so many validation pictures");
  f("strict", o.strict, "Fail on a broken picture rather than name and skip it");
  f("size", o.size, "Pixels a side of the crops on mesh 0");
  f("resize", o.resize,
    "Resize whole pictures to --size rather than crop them, whatever their aspect (CelebA's "
    "faces)");
  f("strategy", o.strategy, fmt::format("{}", fmt::join(strategy_names(), ", ")));
  f("levels", o.levels, "Number of meshes; each has half the pixels a side of the one before");
  f("batch", o.batch,
    "Images on mesh 0 a step, or one number per mesh, finest first: 16,32,64,128");
  f("growth", o.growth, "Batches grow by this factor from mesh to mesh");
  f("allocation", o.allocation,
    "Batches are doubling (from mesh to mesh, or growing by --growth), fixed (as --batch lists "
    "them), "
    "optimal (in proportion to sqrt(V/C), variance over cost of a sample of each level: as the "
    "first "
    "5 steps of every stage measure it with the batches above, for the same cost a step) or "
    "adaptive (the same, measured every 10 steps and planned every 20); default: doubling or "
    "fixed, "
    "as --batch is one number or several");
  f("allocation-cost", o.allocation_cost,
    "Of optimal and adaptive batches: work-units, or seconds as measured, with which no run is "
    "repeated or resumed to the same bits");
  f("steps", o.steps, "Steps; of the first (coarsest) stage where a strategy has stages");
  f("stage-steps", o.stage_steps, "Steps of each stage, coarsest first, in place of --steps");
  f("restriction", o.restriction,
    "injection, mean, full-weighting, bilinear, bilinear-aligned; default: mean to super-resolve, "
    "else injection");
  f("paired", o.paired, "Paired passes (two per difference) rather than one pass per mesh");
  f("optimizer", o.optimizer, "adam, adamw, sgd");
  f("lr", o.learning_rate,
    "Learning rate of the first step; 0: the paper's (1e-3 to super-resolve, else 5e-4)");
  f("lr-final", o.final_learning_rate, "Learning rate of the last step, reached along a cosine");
  f("seed", o.seed, "Of weights, samples and noise");
  f("validate-every", o.validate_every,
    "Steps between validations; 0: ten times a run, evenly in WU, and at 1/20, 1/40, 1/80 of it");
  f("measure-every", o.measure_every,
    "Steps between measurements of each level's gradient norm and variance; 0: never");
  f("checkpoint-every", o.checkpoint_every, "Steps between checkpoints; 0: ten times a run");
}

}  // namespace

void add_options(CLI::App& command, RunOptions& options, const std::vector<std::string>& without) {
  for_each_option(options, [&](const std::string& name, auto& member, const std::string& help) {
    if (std::find(without.begin(), without.end(), name) != without.end()) return;
    using Member = std::decay_t<decltype(member)>;
    if constexpr (std::is_same_v<Member, bool>) {
      command.add_flag("--" + name, member, help);
    } else if constexpr (std::is_same_v<Member, std::vector<std::int64_t>>) {
      auto* option = command.add_option("--" + name, member, help);
      option->delimiter(',')->check(number<std::int64_t>());
      if (!member.empty()) option->capture_default_str();  // CLI11 does not come back from none
    } else if constexpr (std::is_arithmetic_v<Member>) {
      command.add_option("--" + name, member, help)->capture_default_str()->check(number<Member>());
    } else {
      command.add_option("--" + name, member, help)->capture_default_str();
    }
  });
}

void add_options(CLI::App& command, MachineOptions& options, bool trains) {
  if (trains) {
    command.add_option("--out", options.out,
                       "Run folder; default: runs/<subcommand>-<date>-<time>");
    command.add_flag(
        "--no-graph", options.no_graph,
        "Launch every kernel of every step, rather than record a step once and replay it "
        "(cuda, cuda-sim)");
  }
  command
      .add_option("--device", options.device,
                  "cpu, cuda, cuda:<number>, cuda-sim (CUDA's kernels, simulated: slow) or auto "
                  "(cuda where there is one, else cpu)")
      ->capture_default_str();
  command.add_option("--threads", options.threads, "CPU threads; default: all cores")
      ->check(number<int>(1, 4096));
  command
      .add_option("--memory-limit", options.memory_limit_mib,
                  "MiB; fail with a clear line rather than use more")
      ->check(number<std::int64_t>(1, std::int64_t{1} << 40));
  command
      .add_option(
          "--precision", options.precision,
          "Of products in convolutions: auto (fp32 on the CPU, tf32 on a GPU), fp32, tf32; or "
          "bf16, in which a GPU also stores images' features and their gradients (parameters "
          "and sums stay in 32 bits)")
      ->capture_default_str();
  command
      .add_option("--conv-variant", options.conv_variant,
                  "How convolutions are computed: automatic; " + kernels::conv2d_variants_of({}) +
                      " on the CPU; " +
                      kernels::conv2d_variants_of({.type = DeviceType::cuda_sim}) + " on a GPU")
      ->capture_default_str();
  command
      .add_option("--backend", options.backend,
                  "Whose code computes: auto or native (ours), or vendor (oneDNN, cuDNN, cuBLASLt, "
                  "for the operations they have; see telescope info)")
      ->capture_default_str();
}

namespace {

void apply_to_kernels(const MachineOptions& options, const Device& device) {
  using kernels::Precision;
  const Precision usual = device.is_cpu() ? Precision::fp32 : Precision::tf32;
  const Precision precision =
      options.precision == "auto" ? usual : kernels::parse_precision(options.precision);
  TELESCOPE_CHECK(!device.is_cpu() || precision == Precision::fp32, "--precision",
                  "cpu computes in fp32, got '{}'", options.precision);
  const auto variant = kernels::parse_conv2d_variant(options.conv_variant);
  TELESCOPE_CHECK(kernels::runs_on(variant, device), "--conv-variant",
                  "{} has automatic, {}, got '{}'", device.str(),
                  kernels::conv2d_variants_of(device), options.conv_variant);
  TELESCOPE_CHECK(kernels::allowed(variant, precision), "--conv-variant",
                  "{} rounds to tf32, which --precision fp32 does not allow", options.conv_variant);
  const auto backend = kernels::parse_backend(options.backend);
  kernels::check_backend(backend, device);
  TELESCOPE_CHECK(backend != kernels::Backend::vendor || precision != Precision::bf16,
                  "--precision", "bf16 is ours: leave it out beside --backend vendor");
  TELESCOPE_CHECK(
      backend != kernels::Backend::vendor || variant == kernels::Conv2dVariant::automatic,
      "--conv-variant", "{} is ours: leave it out beside --backend vendor", options.conv_variant);
  kernels::set_backend(backend);
  kernels::set_precision(precision);
  kernels::set_conv2d_variant(variant);
}

}  // namespace

Machine apply(const MachineOptions& options) {
  const Machine machine{.device = parse_device(options.device), .graphs = !options.no_graph};
  if (options.threads > 0) set_thread_count(options.threads);
  if (options.memory_limit_mib > 0) {
    set_memory_limit(options.memory_limit_mib << 20, machine.device);
  }
  apply_to_kernels(options, machine.device);
  return machine;
}

namespace {

// What the paper uses, where nothing else was asked for.
void fill_in(RunOptions& o) {
  const Task task(o.task, o.scale, parse_placement(o.degrade));
  const bool enlarges = task.scale() > 1;
  if (o.loss.empty()) o.loss = name_of(task.usual_loss());
  if (o.restriction.empty()) {
    o.restriction = name_of(enlarges ? Restriction::mean : Restriction::injection);
  }
  if (o.learning_rate == 0) o.learning_rate = enlarges ? 1e-3 : 5e-4;
  if (o.allocation.empty()) o.allocation = o.batch.size() == 1 ? "doubling" : "fixed";
  resolve_network(o);
}

// Images on every mesh, the small ones of a task that enlarges them too.
void check_sizes(const RunOptions& o) {
  const std::int64_t scale = Task(o.task, o.scale).scale();
  check_meshes(o.size, o.size, static_cast<int>(o.levels));
  TELESCOPE_CHECK(o.size % scale == 0, "--size", "expected a multiple of --scale {}, got {}", scale,
                  o.size);
  if (scale > 1) check_meshes(o.size / scale, o.size / scale, static_cast<int>(o.levels));
}

void check_allocation(const RunOptions& o) {
  const std::string& how = o.allocation;
  TELESCOPE_CHECK(how == "doubling" || how == "fixed" || how == "optimal" || how == "adaptive",
                  "--allocation", "expected doubling, fixed, optimal or adaptive, got '{}'", how);
  TELESCOPE_CHECK(how != "doubling" || o.batch.size() == 1, "--allocation",
                  "doubling takes one number from --batch, got {}", o.batch.size());
  TELESCOPE_CHECK(how != "fixed" || o.batch.size() == static_cast<std::size_t>(o.levels),
                  "--allocation", "fixed takes a number for each of {} meshes from --batch, got {}",
                  o.levels, o.batch.size());
  TELESCOPE_CHECK(o.allocation_cost == "work-units" || o.allocation_cost == "seconds",
                  "--allocation-cost", "expected work-units or seconds, got '{}'",
                  o.allocation_cost);
}

}  // namespace

// A stage's; those of 16 stages, and their images, can still be counted.
constexpr std::int64_t kMostSteps = 1'000'000'000'000;

void resolve(RunOptions& o) {
  fill_in(o);
  (void)parse_loss(o.loss);
  (void)parse_restriction(o.restriction);
  for (const auto& [name, folder] : {std::pair{"--data", o.data}, {"--validation", o.validation}}) {
    const std::string text = valid_utf8(folder);  // config.json and the report cannot hold others
    TELESCOPE_CHECK(text == folder, name, "expected a name in UTF-8, got '{}'", text);
  }
  TELESCOPE_CHECK(o.levels >= 1 && o.levels <= 16, "--levels", "expected 1 to 16, got {}",
                  o.levels);
  TELESCOPE_CHECK(o.batch.size() == 1 || o.batch.size() == static_cast<std::size_t>(o.levels),
                  "--batch", "expected 1 number or one for each of {} meshes, got {}", o.levels,
                  o.batch.size());
  check_allocation(o);
  TELESCOPE_CHECK(o.steps >= 1 && o.steps <= kMostSteps, "--steps", "expected 1 to {}, got {}",
                  kMostSteps, o.steps);
  for (const std::int64_t steps : o.stage_steps) {
    TELESCOPE_CHECK(steps >= 1 && steps <= kMostSteps, "--stage-steps", "expected 1 to {}, got {}",
                    kMostSteps, steps);
  }
  TELESCOPE_CHECK(o.validation_images >= 1, "--validation-images", "expected at least 1, got {}",
                  o.validation_images);
  TELESCOPE_CHECK(o.validate_every >= 0 && o.measure_every >= 0 && o.checkpoint_every >= 0,
                  "--validate-every, --measure-every, --checkpoint-every",
                  "expected at least 0, got {}, {}, {}", o.validate_every, o.measure_every,
                  o.checkpoint_every);
  TELESCOPE_CHECK(std::isfinite(o.learning_rate) && o.learning_rate > 0 &&
                      std::isfinite(o.final_learning_rate) && o.final_learning_rate >= 0,
                  "--lr, --lr-final", "expected positive numbers, got {} and {}", o.learning_rate,
                  o.final_learning_rate);
  check_sizes(o);
}

nlohmann::json to_json(const RunOptions& options) {
  nlohmann::json json = nlohmann::json::object();
  for_each_option(options, [&](const char* name, const auto& member, const std::string&) {
    json[name] = member;
  });
  return json;
}

RunOptions options_from_json(const nlohmann::json& json, const std::string& file) {
  RunOptions options;
  for_each_option(options, [&](const char* name, auto& member, const std::string&) {
    try {
      json.at(name).get_to(member);
    } catch (const nlohmann::json::exception&) {
      raise(file, "'{}' is missing or of the wrong type", name);
    }
  });
  return options;
}

void check_same(const CLI::App& command, const RunOptions& given, const RunOptions& stored) {
  const auto from = to_json(given), in_run = to_json(stored);
  for (const auto& [name, value] : from.items()) {
    const auto* option = command.get_option_no_throw("--" + name);
    if (!option || option->count() == 0) continue;
    TELESCOPE_CHECK(value == in_run[name], "--resume",
                    "the run was started with --{} {}, got {}; leave it out, or start another run",
                    name, in_run[name].dump(), value.dump());
  }
}

}  // namespace telescope::app
