// SPDX-License-Identifier: MIT
// Seconds and peak memory of a training step (samples, forward, backward, Adam) of a network, on
// samples that rest on the device.
//   bench.train_step --model resnet --hidden 128 --size 128 --batch 4 --device cuda
//   bench.train_step --strategy mge --batch 16 --levels 4 ...
// prints one line of JSON. --save FILE: also the weights and samples of the first step with its loss
// and gradients, by which another implementation shows that it computes the same
// (bench/compare_step.py, train_step_torch.py).
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/network.h"
#include "bench/timing.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "core/profile.h"
#include "core/safetensors.h"
#include "kernels/precision.h"
#include "layers/loss.h"
#include "layers/random.h"
#include "multilevel/trainer.h"

using namespace telescope;

namespace {

struct Settings {
  app::RunOptions run;
  std::string device = "auto", precision = "tf32", save;
  std::int64_t batch = 4, levels = 4, rounds = 3, warmup = 4, steps = 3;
  bool no_graph = false;
};

long resident_kib(const char* field) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::atol(line.c_str() + std::string(field).size());
  }
  return 0;
}

// The same samples in every step, drawn once for each level.
class Resting : public SampleSource {
 public:
  Resting(std::int64_t size, const Device& device) : size_(size), device_(device) {}
  Samples draw(const Draw& draw) override {
    Samples& samples = samples_[draw.level.level];
    if (!samples.input.defined()) {
      const std::string level = draw.level.str();
      const Shape shape{draw.count, size_, size_, 3};
      samples.input = random_normal(shape, {1, "x/" + level}).to(device_);
      samples.target = random_normal(shape, {1, "target/" + level}).to(device_);
      samples.time = random_uniform({draw.count}, {1, "t/" + level}).to(device_);
    }
    return samples;
  }
  NamedTensors all() const {
    NamedTensors tensors;
    for (const auto& [level, samples] : samples_) {
      const std::string prefix = fmt::format("level{}.", level);
      tensors.push_back({prefix + "input", samples.input.to(Device{})});
      tensors.push_back({prefix + "target", samples.target.to(Device{})});
      tensors.push_back({prefix + "time", samples.time.to(Device{})});
    }
    return tensors;
  }

 private:
  std::int64_t size_;
  Device device_;
  std::map<int, Samples> samples_;
};

void append(NamedTensors& to, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : to_pytorch_layout(tensors)) {
    to.push_back({prefix + name, tensor.clone()});
  }
}

int run(const Settings& s) {
  const Device device = parse_device(s.device);
  kernels::set_precision(kernels::parse_precision(s.precision));
  const long before = resident_kib("VmHWM:");
  app::RunOptions run = s.run;
  app::resolve_network(run);
  app::Network network = app::make_network(run, 1);
  network.module->to(device);
  ParameterBuffer parameters(*network.module);
  Adam adam(parameters.values(), parameters.gradients());
  Resting source(s.run.size, device);
  const auto loss = [&](const Samples& samples) {
    return mse_per_sample(network.forward(samples.input, samples.time), samples.target);
  };
  const std::int64_t all = s.warmup + s.rounds * s.steps;
  const BatchPlan plan = BatchPlan::geometric(s.batch, static_cast<int>(s.levels));
  const Schedule schedule = s.run.strategy == "mge" ? mge(plan, all) : single_scale(s.batch, all);
  Trainer trainer(parameters, adam, loss, source, schedule, LearningRate::constant(1e-4),
                  {.graphs = !s.no_graph});

  NamedTensors saved;
  if (!s.save.empty()) append(saved, "param.", parameters.named());
  for (std::int64_t i = 0; i < s.warmup; ++i) {
    const StepReport report = trainer.step();
    if (s.save.empty() || i > 0) continue;
    append(saved, "grad.", parameters.slices(parameters.gradients()));
    for (const NamedTensor& tensor : source.all()) saved.push_back(tensor);
    write_safetensors(s.save, saved, {{"loss", fmt::format("{:.9g}", report.loss)}});
  }
  const Stream stream = Stream::current(device);
  std::vector<double> rounds;
  double value = 0;
  for (std::int64_t round = 0; round < s.rounds; ++round) {
    stream.synchronize();
    const double start = now_seconds();
    for (std::int64_t i = 0; i < s.steps; ++i) {  // the next step is started before one is read
      if (trainer.in_flight() == 0) trainer.start_step();
      if (i + 1 < s.steps) trainer.start_step();
      value = trainer.finish_step().loss;
    }
    stream.synchronize();
    rounds.push_back((now_seconds() - start) / static_cast<double>(s.steps));
  }
  const MemoryUse memory = memory_use(device);
  std::vector<double> sorted = rounds;
  std::sort(sorted.begin(), sorted.end());
  const nlohmann::ordered_json json{{"seconds", sorted[sorted.size() / 2]},
                                    {"rounds", rounds},
                                    {"loss", value},
                                    {"device_peak_bytes", memory.peak},
                                    {"device_reserved_bytes", memory.reserved},
                                    {"peak_kib", resident_kib("VmHWM:")},
                                    {"before_kib", before},
                                    {"threads", thread_count()},
                                    {"graph", !s.no_graph && Graph::supported(device)},
                                    {"device", device.str()},
                                    {"name", bench::name_of_device(device)},
                                    {"precision", s.precision}};
  std::printf("%s\n", json.dump().c_str());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App program{"Seconds and peak memory of a training step"};
  Settings s;
  s.run.strategy = "single-scale";
  const auto number = [&](const char* name, std::int64_t& value) {
    program.add_option(name, value)->capture_default_str()->check(CLI::Range(1, 1 << 20));
  };
  program.add_option("--model", s.run.model)->capture_default_str();
  number("--hidden", s.run.hidden);
  number("--blocks", s.run.blocks);
  number("--size", s.run.size);
  number("--batch", s.batch);
  number("--levels", s.levels);
  number("--steps", s.steps);
  number("--rounds", s.rounds);
  number("--warmup", s.warmup);
  program.add_option("--strategy", s.run.strategy)
      ->capture_default_str()
      ->check(CLI::IsMember({"single-scale", "mge"}));
  program.add_option("--device", s.device)->capture_default_str();
  program.add_option("--precision", s.precision)->capture_default_str();
  program.add_option("--save", s.save, "File for weights, samples and gradients of the first step");
  program.add_flag("--no-graph", s.no_graph);
  CLI11_PARSE(program, argc, argv);
  try {
    return run(s);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
