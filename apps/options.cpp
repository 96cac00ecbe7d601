// SPDX-License-Identifier: MIT
#include "apps/options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "apps/number.h"
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

// The one list of options: f(name, member, help).
template <class Options, class F>
void for_each_option(Options& o, F&& f) {
  f("task", o.task,
    "What to train for: denoise (x_t = t x + (1-t) z, z normal, t uniform in [0,1])");
  f("model", o.model, "Network: resnet");
  f("hidden", o.hidden, "Channels inside the network");
  f("blocks", o.blocks, "Residual blocks");
  f("data", o.data,
    "'builtin' (512 pictures of dead leaves, drawn by the program) or a folder of PNG and JPEG "
    "pictures");
  f("validation", o.validation,
    "Folder of validation pictures; default: a tenth of --data, which is then not trained on");
  f("validation-images", o.validation_images, "At most so many validation pictures");
  f("strict", o.strict, "Fail on a broken picture rather than name and skip it");
  f("size", o.size, "Pixels a side of the crops on mesh 0");
  f("strategy", o.strategy,
    "single-scale, single-scale-small, mge, full-multiscale, progressive-resizing, "
    "random-resizing");
  f("levels", o.levels, "Number of meshes; each has half the pixels a side of the one before");
  f("batch", o.batch,
    "Images on mesh 0 a step, or one number per mesh, finest first: 16,32,64,128");
  f("growth", o.growth, "Batches grow by this factor from mesh to mesh");
  f("steps", o.steps, "Steps; of the first (coarsest) stage where a strategy has stages");
  f("restriction", o.restriction, "injection, mean, full-weighting, bilinear, bilinear-aligned");
  f("paired", o.paired, "Paired passes (two per difference) rather than one pass per mesh");
  f("optimizer", o.optimizer, "adam, adamw, sgd");
  f("lr", o.learning_rate, "Learning rate of the first step");
  f("lr-final", o.final_learning_rate, "Learning rate of the last step, reached along a cosine");
  f("seed", o.seed, "Of weights, samples and noise");
  f("validate-every", o.validate_every, "Steps between validations; 0: ten times a run");
  f("measure-every", o.measure_every,
    "Steps between measurements of each level's gradient norm and variance; 0: never");
  f("checkpoint-every", o.checkpoint_every, "Steps between checkpoints; 0: ten times a run");
}

}  // namespace

void add_options(CLI::App& command, RunOptions& options, const std::vector<std::string>& without) {
  for_each_option(options, [&](const std::string& name, auto& member, const char* help) {
    if (std::find(without.begin(), without.end(), name) != without.end()) return;
    using Member = std::decay_t<decltype(member)>;
    if constexpr (std::is_same_v<Member, bool>) {
      command.add_flag("--" + name, member, help);
    } else if constexpr (std::is_same_v<Member, std::vector<std::int64_t>>) {
      command.add_option("--" + name, member, help)
          ->delimiter(',')
          ->capture_default_str()
          ->check(number<std::int64_t>());
    } else if constexpr (std::is_arithmetic_v<Member>) {
      command.add_option("--" + name, member, help)->capture_default_str()->check(number<Member>());
    } else {
      command.add_option("--" + name, member, help)->capture_default_str();
    }
  });
}

void add_options(CLI::App& command, MachineOptions& options, bool with_folder) {
  if (with_folder) {
    command.add_option("--out", options.out,
                       "Run folder; default: runs/<subcommand>-<date>-<time>");
  }
  command
      .add_option("--device", options.device,
                  "cpu, cuda, cuda:<number>, cuda-sim (CUDA's kernels, simulated: slow) or auto "
                  "(cuda where there is one, else cpu)")
      ->capture_default_str();
  command.add_flag(
      "--no-graph", options.no_graph,
      "Launch every kernel of every step, rather than record a step once and replay it "
      "(cuda, cuda-sim)");
  command.add_option("--threads", options.threads, "CPU threads; default: all cores")
      ->check(number<int>(1, 4096));
  command
      .add_option("--memory-limit", options.memory_limit_mib,
                  "MiB; fail with a clear line rather than use more")
      ->check(number<std::int64_t>(1, std::int64_t{1} << 40));
  command
      .add_option("--precision", options.precision,
                  "Of products in convolutions: auto (fp32 on the CPU, tf32 on a GPU), fp32, tf32")
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
  TELESCOPE_CHECK(precision != Precision::bf16, "--precision",
                  "expected auto, fp32 or tf32, got 'bf16', in which networks do not store their "
                  "activations yet");
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

void check(const RunOptions& o) {
  TELESCOPE_CHECK(o.task == "denoise", "--task", "expected denoise, got '{}'", o.task);
  TELESCOPE_CHECK(o.model == "resnet", "--model", "expected resnet, got '{}'", o.model);
  for (const auto& [name, folder] : {std::pair{"--data", o.data}, {"--validation", o.validation}}) {
    const std::string text = valid_utf8(folder);  // config.json and the report cannot hold others
    TELESCOPE_CHECK(text == folder, name, "expected a name in UTF-8, got '{}'", text);
  }
  TELESCOPE_CHECK(o.hidden >= 4 && o.hidden % 4 == 0, "--hidden",
                  "expected a multiple of 4 of at least 4, got {}", o.hidden);
  TELESCOPE_CHECK(o.blocks >= 1 && o.blocks <= 10000, "--blocks", "expected 1 to 10000, got {}",
                  o.blocks);
  TELESCOPE_CHECK(o.levels >= 1 && o.levels <= 16, "--levels", "expected 1 to 16, got {}",
                  o.levels);
  TELESCOPE_CHECK(o.batch.size() == 1 || o.batch.size() == static_cast<std::size_t>(o.levels),
                  "--batch", "expected 1 number or one for each of {} meshes, got {}", o.levels,
                  o.batch.size());
  TELESCOPE_CHECK(o.steps >= 1, "--steps", "expected at least 1, got {}", o.steps);
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
  check_meshes(o.size, o.size, static_cast<int>(o.levels));
  (void)parse_restriction(o.restriction);
}

nlohmann::json to_json(const RunOptions& options) {
  nlohmann::json json = nlohmann::json::object();
  for_each_option(options,
                  [&](const char* name, const auto& member, const char*) { json[name] = member; });
  return json;
}

RunOptions options_from_json(const nlohmann::json& json, const std::string& file) {
  RunOptions options;
  for_each_option(options, [&](const char* name, auto& member, const char*) {
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
