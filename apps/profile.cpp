// SPDX-License-Identifier: MIT
// telescope profile: where the time of a training step, or of one operation, goes.
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "apps/experiment.h"
#include "apps/kernel_table.h"
#include "apps/number.h"
#include "apps/output.h"
#include "apps/profile_operation.h"
#include "apps/subcommands.h"
#include "apps/trace.h"
#include "apps/version.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/backend.h"
#include "kernels/conv2d/conv2d_variant.h"
#include "kernels/instruction_set.h"
#include "kernels/precision.h"
#include "layers/random.h"

namespace telescope::app {
namespace {

constexpr std::size_t kMostEvents = 1 << 20;  // 56 MiB of them

// What a profile has no use for: it takes few steps, and keeps nothing.
const std::vector<std::string> kUnused = {
    "validation", "validation-images", "strict",        "steps",           "lr",
    "lr-final",   "validate-every",    "measure-every", "checkpoint-every"};

struct ProfileCommand {
  CLI::App* command = nullptr;
  RunOptions options;
  MachineOptions machine;
  std::vector<std::string> network_options;  // "--model", ...: not for one operation
  std::string operation;
  std::vector<std::int64_t> shape;
  std::int64_t steps = 5, warmup = 2;
  bool no_roofline = false;
  std::string trace, json;
};

void check(const ProfileCommand& p) {
  TELESCOPE_CHECK(p.shape.empty() || !p.operation.empty(), "--shape",
                  "expected --operation with the name of what has this shape");
  for (const std::string& option : p.network_options) {
    TELESCOPE_CHECK(p.operation.empty() || p.command->count(option) == 0, option,
                    "is for a network, not for --operation, which takes --shape");
  }
  check_json_file("--trace", p.trace);
  check_json_file("--json", p.json);
  TELESCOPE_CHECK(p.json.empty() || p.json != p.trace, "--json", "{} is that of --trace", p.json);
}

struct Measured {
  std::string what;
  double seconds = 0;  // of a step, with everything
  std::vector<ScopeTotal> totals;
  ProfileEvents events;
};

template <class F>
Measured measure(const ProfileCommand& p, std::string what, const F& step) {
  for (std::int64_t i = 0; i < p.warmup; ++i) step();
  reset_profile();
  if (!p.trace.empty()) record_events(kMostEvents);
  set_profiling(true);
  const double start = now_seconds();
  for (std::int64_t i = 0; i < p.steps; ++i) {
    const Scope scope("step");
    step();
  }
  set_profiling(false);
  Measured result{std::move(what), 0, profile_totals(), {}};  // waits for the device
  result.seconds = (now_seconds() - start) / static_cast<double>(p.steps);
  result.events = profile_events();
  return result;
}

// The last steps of the schedule: on the finest mesh, where a strategy has stages.
Measured profile_network(ProfileCommand& p, Device device) {
  RunOptions& options = p.options;
  resolve(options);
  options.validation_images = 1;
  options.steps = (p.warmup + p.steps) << (options.levels - 1);  // stages halve them
  const Pictures pictures(options);
  Experiment experiment(options, pictures, {device, false});  // a graph has no kernels to time
  Trainer& trainer = experiment.trainer();
  trainer.resume({.steps = trainer.schedule().steps() - p.warmup - p.steps});
  const std::string what =
      fmt::format("{}, {}, {} images of {}x{}", network_description(options), options.strategy,
                  fmt::join(options.batch, ","), options.size, options.size);
  return measure(p, what, [&] { (void)trainer.step(); });
}

Measured profile_operation(const ProfileCommand& p, Device device) {
  const PreparedOperation operation = prepare_operation(p.operation, p.shape, device);
  Tensor seed;
  const auto step = [&] {
    for (const Tensor& leaf : operation.leaves) leaf.set_grad({});
    Tensor y;
    {
      const Scope forward("forward");
      y = operation.forward();
    }
    if (!y.defined() || !y.requires_grad()) return;
    if (!seed.defined()) seed = random_normal(y.shape(), {0, "profile"}).to(y.dtype()).to(device);
    const Scope backward("backward");
    y.backward(seed);
  };
  step();  // the seed is made here
  const std::string shape =
      p.shape.empty() ? " of its default shape" : fmt::format(" {}", fmt::join(p.shape, ","));
  return measure(p, p.operation + shape, step);
}

nlohmann::ordered_json json_of(const ProfileCommand& p, const Measured& measured, Device device,
                               const std::vector<KernelRow>& rows,
                               const std::optional<Roofline>& roofline) {
  nlohmann::ordered_json json{{"profile", measured.what},
                              {"device", device.str()},
                              {"threads", thread_count()},
                              {"instructions", kernels::instruction_set()},
                              {"precision", name_of(kernels::precision())},
                              {"backend", name_of(kernels::backend())},
                              {"conv_variant", name_of(kernels::conv2d_variant())},
                              {"version", version()},
                              {"steps", p.steps},
                              {"seconds_per_step", measured.seconds},
                              {"roofline", nullptr}};
  if (roofline) json["roofline"] = to_json(*roofline);
  json.update(kernel_json(rows, roofline));
  return json;
}

void print(const ProfileCommand& p, const Measured& measured, Device device,
           const std::vector<KernelRow>& rows, const std::optional<Roofline>& roofline) {
  std::printf("%s\n%s, %d threads, %s: %ld steps of %.4f s, caches warm\n", measured.what.c_str(),
              device.str().c_str(), thread_count(), std::string(kernels::instruction_set()).c_str(),
              static_cast<long>(p.steps), measured.seconds);
  if (kernels::backend() == kernels::Backend::vendor) {
    std::printf("by the vendor's code where it has some (telescope info)\n");
  }
  if (roofline) {
    std::printf("roofline, measured: %s\n", describe(*roofline).c_str());
  } else if (device.type == DeviceType::cuda_sim) {
    std::printf("a simulator has no roofline, and its times are not those of a device\n");
  }
  std::printf("\n%s", format_kernel_table(rows, p.steps, roofline).c_str());
}

int profile(ProfileCommand& p) {
  check(p);
  const Device device = parse_device(p.machine.device);
  if (p.machine.threads > 0) set_thread_count(p.machine.threads);
  std::optional<Roofline> roofline;
  if (!p.no_roofline) roofline = measure_roofline(device);
  release_cached_memory(device);  // the probe's arrays are not the run's
  apply(p.machine);
  if (roofline && !device.is_cpu()) roofline->precision = kernels::precision();
  const Measured measured =
      p.operation.empty() ? profile_network(p, device) : profile_operation(p, device);

  const auto rows = kernel_rows(measured.totals, device.type == DeviceType::cuda);
  print(p, measured, device, rows, roofline);
  if (!p.json.empty()) {
    write_file_atomically(p.json, json_of(p, measured, device, rows, roofline).dump(2) + "\n",
                          "profile");
  }
  if (!p.trace.empty()) {
    write_file_atomically(p.trace, chrome_trace(measured.totals, measured.events), "trace");
    std::printf("trace: %s (open it in ui.perfetto.dev)\n", p.trace.c_str());
    if (measured.events.dropped > 0) {
      std::fprintf(stderr, "the trace is full: %ld events are not in it; take fewer --steps\n",
                   static_cast<long>(measured.events.dropped));
    }
  }
  return 0;
}

std::string footer() {
  return R"(Times are means of --steps steps after --warmup others. FLOP are those of the definition; bytes are
the least that must be moved, every array once (a copy: read and written). The roofline is measured
first, in half a second (on a GPU also that of the tensor cores, in a whole one); a share above 100% is
marked: bytes came from a cache, or the kernel needs fewer FLOP than the definition (Winograd).

Examples:
  telescope profile --model resnet --size 64 --batch 4 --levels 3 --trace step.json
  telescope profile --strategy full-multiscale --hidden 32 --steps 20 --json step.json
  telescope profile --operation conv2d --shape 4,64,64,128,128,3,1

One kernel under Nsight Compute and Nsight Systems (scopes are NVTX ranges in a build with CUDA):
  ncu --nvtx --nvtx-include "conv2d/" --launch-count 1 --set full -o conv2d \
    telescope profile --operation conv2d --device cuda --steps 1 --no-roofline
  nsys profile --trace=cuda,nvtx -o conv2d \
    telescope profile --operation conv2d --device cuda --no-roofline

Operations, with the extents of --shape and their defaults:
)" + operation_list();
}

}  // namespace

Subcommand add_profile(CLI::App& program) {
  const auto state = std::make_shared<ProfileCommand>();
  CLI::App* command =
      program.add_subcommand("profile", "Time, FLOP, bytes and share of the roofline by kernel");
  state->command = command;
  state->options.strategy = "mge";
  state->options.batch = {4};
  add_options(*command, state->options, kUnused);
  for (const CLI::Option* option : command->get_options()) {
    if (option->get_name() != "--help") state->network_options.push_back(option->get_name());
  }
  command->add_option("--operation", state->operation,
                      "One operation, forward and backward, rather than a network; see below");
  command->add_option("--shape", state->shape, "Its extents")
      ->delimiter(',')
      ->check(number<std::int64_t>(1));
  command->add_option("--steps", state->steps, "Steps to measure")
      ->capture_default_str()
      ->check(number<std::int64_t>(1, 100000));
  command->add_option("--warmup", state->warmup, "Steps before")
      ->capture_default_str()
      ->check(number<std::int64_t>(0, 100000));
  command->add_flag("--no-roofline", state->no_roofline, "Do not measure the peaks of the device");
  command->add_option("--trace", state->trace, "Write a trace for ui.perfetto.dev to this file");
  command->add_option("--json", state->json, "Write the numbers as JSON to this file");
  add_options(*command, state->machine, false);
  command->footer(footer());
  return [state](const std::string&) { return profile(*state); };
}

}  // namespace telescope::app
