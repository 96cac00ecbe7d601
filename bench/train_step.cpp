// SPDX-License-Identifier: MIT
// Seconds and peak memory of a training step (samples, forward, backward, Adam) of a network, on
// samples that rest on the device.
//   bench.train_step --model resnet --hidden 128 --size 128 --batch 4 --device cuda
//   bench.train_step --strategy mge --batch 16 --levels 4 ...
// prints one line of JSON; with MGE also the seconds of the pass on each mesh. --save FILE: also the
// weights and samples of the first step with its loss and gradients, by which another implementation
// shows that it computes the same (bench/peers/step.py).
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

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Some parameters start at zero, and what lies before them would have no gradient to be compared.
void move_off_zero(const Module& module) {
  for (const auto& [name, tensor] : module.parameters()) {
    const Tensor noise = random_normal(tensor.shape(), RandomKey(2, name));
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      tensor.data<float>()[i] += 0.02f * noise.data<float>()[i];
    }
  }
}

// The same samples in every step, drawn once for each level. The input is `scale` times smaller than
// the target, which has size x size pixels.
class Resting : public SampleSource {
 public:
  Resting(std::int64_t size, std::int64_t scale, const Device& device)
      : size_(size), scale_(scale), device_(device) {}
  Samples draw(const Draw& draw) override {
    Samples& samples = samples_[draw.level.level];
    if (!samples.input.defined()) {
      const std::string level = draw.level.str();
      const auto normal = [&](const std::string& name, std::int64_t size) {
        return random_normal({draw.count, size, size, 3}, {1, name + level}).to(device_);
      };
      samples.input = normal("x/", size_ / scale_);
      samples.target = normal("target/", size_);
      samples.time = random_uniform({draw.count}, {1, "t/" + level}).to(device_);
    }
    return samples;
  }
  NamedTensors all() const {
    NamedTensors tensors;
    for (const auto& [level, samples] : samples_) {
      const std::string prefix = fmt::format("level{}.", level);
      tensors.push_back({prefix + "input", samples.input});
      tensors.push_back({prefix + "target", samples.target});
      tensors.push_back({prefix + "time", samples.time});
    }
    return tensors;
  }

 private:
  std::int64_t size_, scale_;
  Device device_;
  std::map<int, Samples> samples_;
};

void append(NamedTensors& to, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : to_pytorch_layout(tensors)) {
    to.push_back({prefix + name, tensor.clone()});
  }
}

// Of the pass on each mesh, from the reports of some steps: where images of a level go through the
// network beside the coarse sides of the level before. Nothing where a step is a graph.
nlohmann::ordered_json passes(const std::vector<StepReport>& steps, std::int64_t size) {
  auto json = nlohmann::ordered_json::array();
  std::int64_t carried = 0;
  for (std::size_t i = 0; i < steps[0].meshes.size(); ++i) {
    const MeshReport& first = steps[0].meshes[i];
    std::vector<double> seconds;
    for (const StepReport& step : steps) {
      if (step.meshes[i].seconds) seconds.push_back(*step.meshes[i].seconds);
    }
    if (seconds.empty()) break;
    json.push_back({{"size", size >> first.mesh.level},
                    {"images", carried + first.samples},
                    {"flop", first.flop},
                    {"seconds", median(seconds)}});
    carried = first.samples;
  }
  return json;
}

int run(const Settings& s) {
  const Device device = parse_device(s.device);
  kernels::set_precision(kernels::parse_precision(s.precision));
  const long before = resident_kib("VmHWM:");
  app::RunOptions run = s.run;
  if (run.model == "srnet" || run.model == "espcn") run.task = "super-resolve";
  app::resolve_network(run);
  app::Network network = app::make_network(run, 1);
  move_off_zero(*network.module);
  network.module->to(device);
  ParameterBuffer parameters(*network.module);
  Adam adam(parameters.values(), parameters.gradients());
  Resting source(run.size, app::Task(run.task, run.scale).scale(), device);
  const auto loss = [&](const Samples& samples) {
    return mse_per_sample(network.forward(samples.input, samples.time), samples.target);
  };
  const std::int64_t all = s.warmup + s.rounds * s.steps;
  const BatchPlan plan = BatchPlan::geometric(s.batch, static_cast<int>(s.levels));
  const Schedule schedule = run.strategy == "mge" ? mge(plan, all) : single_scale(s.batch, all);
  Trainer trainer(parameters, adam, loss, source, schedule, LearningRate::constant(1e-4),
                  {.graphs = !s.no_graph});

  NamedTensors saved;
  if (!s.save.empty()) append(saved, "param.", parameters.named());
  for (std::int64_t i = 0; i < s.warmup; ++i) {
    const StepReport report = trainer.step();
    if (s.save.empty() || i > 0) continue;
    append(saved, "grad.", parameters.slices(parameters.gradients()));
    append(saved, "", source.all());
    append(saved, "", {{"loss", Tensor::full({1}, report.loss)}});
    write_safetensors(s.save, saved);
  }
  const Stream stream = Stream::current(device);
  std::vector<double> rounds;
  std::vector<StepReport> reports;
  for (std::int64_t round = 0; round < s.rounds; ++round) {
    stream.synchronize();
    const double start = now_seconds();
    for (std::int64_t i = 0; i < s.steps; ++i) {  // the next step is started before one is read
      if (trainer.in_flight() == 0) trainer.start_step();
      if (i + 1 < s.steps) trainer.start_step();
      reports.push_back(trainer.finish_step());
    }
    stream.synchronize();
    rounds.push_back((now_seconds() - start) / static_cast<double>(s.steps));
  }
  const MemoryUse memory = memory_use(device);
  const nlohmann::ordered_json json{{"seconds", median(rounds)},
                                    {"rounds", rounds},
                                    {"loss", reports.back().loss},
                                    {"passes", passes(reports, run.size)},
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
  program.add_option("--dropout", s.run.dropout)->capture_default_str();
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
