// SPDX-License-Identifier: MIT
#include "apps/experiment.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "apps/task.h"
#include "core/autograd.h"
#include "core/profile.h"
#include "core/safetensors.h"

namespace telescope::app {

AllocationOptions allocation_of(const RunOptions& options) {
  const bool optimal = options.allocation == "optimal", adaptive = options.allocation == "adaptive";
  return {.kind = optimal    ? Allocation::optimal
                  : adaptive ? Allocation::adaptive
                             : Allocation::planned,
          .seconds = options.allocation_cost == "seconds"};
}

namespace {

void set_stage_steps(Schedule& schedule, const std::vector<std::int64_t>& steps) {
  if (steps.empty()) return;
  TELESCOPE_CHECK(steps.size() == schedule.stages.size() &&
                      std::all_of(steps.begin(), steps.end(), [](auto n) { return n >= 1; }),
                  "--stage-steps", "expected a number of at least 1 for each of {} stages of {}",
                  schedule.stages.size(), schedule.name);
  for (std::size_t i = 0; i < steps.size(); ++i) schedule.stages[i].steps = steps[i];
}

}  // namespace

Schedule schedule_of(const RunOptions& options) {
  const BatchPlan plan =
      options.batch.size() == 1
          ? BatchPlan::geometric(options.batch[0], static_cast<int>(options.levels), options.growth)
          : BatchPlan(options.batch);
  Schedule schedule = make_schedule(options.strategy, plan, options.steps);
  set_stage_steps(schedule, options.stage_steps);
  BatchAllocator::check(schedule, allocation_of(options));
  return schedule;
}

// Degraded crops, of pictures that rest on the device where they can: which pictures, which crops
// and which noise depends on (seed, level, step) alone.
class Experiment::Source : public SampleSource {
 public:
  Source(const CropSource& crops, const Task& task, std::uint64_t seed, Device device)
      : crops_(crops),
        task_(task),
        resident_(ResidentCrops::make(crops, device)),
        prefetcher_(crops),
        seed_(seed),
        device_(device) {}

  void prepare(const Draw& draw) override {
    if (!resident_) prefetcher_.request(draw.count, key(draw));
  }
  Samples draw(const Draw& draw) override {
    const Crops crops = resident_ ? resident_->batch(draw.count, key(draw)) : streamed(draw);
    const NoiseKey noise{seed_, "noise/" + draw.level.str(), static_cast<std::uint64_t>(draw.step)};
    return task_.with_partners(task_.degrade(crops.clean, noise), crops.low);
  }

 private:
  // From the host, where background threads prepare it.
  Crops streamed(const Draw& draw) {
    // The trainer prepares every draw but those of its first step.
    const bool prepared = draw.step != first_step_.value_or(draw.step);
    if (!first_step_) first_step_ = draw.step;
    const Crops crops = prepared ? prefetcher_.next() : crops_.batch(draw.count, key(draw));
    return crops.to(device_);
  }
  RandomKey key(const Draw& draw) const {
    return {seed_, "crops/" + draw.level.str(), static_cast<std::uint64_t>(draw.step)};
  }

  const CropSource& crops_;
  const Task& task_;
  std::unique_ptr<ResidentCrops> resident_;
  Prefetcher prefetcher_;
  std::uint64_t seed_;
  Device device_;
  std::optional<std::int64_t> first_step_;
};

Task task_of(const RunOptions& options) {
  return Task(options.task, options.scale, parse_placement(options.degrade));
}

namespace {
Samples on(const Device& device, const Samples& samples) {
  return {samples.input.to(device),
          samples.target.to(device),
          samples.time.defined() ? samples.time.to(device) : Tensor(),
          {}};
}

Network network_on(const Machine& machine, const RunOptions& options) {
  Network network = make_network(options, options.seed);
  network.module->to(machine.device);
  return network;
}
}  // namespace

Experiment::Experiment(const RunOptions& options, const Pictures& pictures, const Machine& machine)
    : options_(options),
      device_(machine.device),
      task_(task_of(options)),
      validation_(on(machine.device, pictures.validation())),
      network_(network_on(machine, options)),
      parameters_(std::make_unique<ParameterBuffer>(*network_.module)),
      optimizer_(
          make_optimizer(options.optimizer, parameters_->values(), parameters_->gradients())),
      source_(std::make_unique<Source>(pictures.training(), task_, options.seed, machine.device)) {
  const Schedule schedule = schedule_of(options);
  const auto rate =
      LearningRate::cosine(options.learning_rate, options.final_learning_rate, schedule.steps());
  trainer_ = std::make_unique<Trainer>(
      *parameters_, *optimizer_, loss(), *source_, schedule, rate,
      TrainerOptions{.seed = options.seed,
                     .coarsen = task_.coarsening(parse_restriction(options.restriction)),
                     .paired = options.paired || network_.module->mixes_samples(),
                     .measure_every = options.measure_every,
                     .allocation = allocation_of(options),
                     .graphs = machine.graphs});
}

SampleLoss Experiment::loss() const {
  return [this, kind = parse_loss(options_.loss)](const Samples& samples) {
    return loss_per_sample(kind, network_.forward(samples.input, samples.time), samples.target);
  };
}

Quality Experiment::validate() const {
  const Scope scope("validation");
  const NoGradGuard no_grad;
  network_.module->eval();
  const Samples& all = validation_;
  Quality sum;
  const std::int64_t count = all.size(), batch = 16;
  for (std::int64_t first = 0; first < count; first += batch) {
    const Samples part = rows(all, first, std::min(batch, count - first));
    const Tensor output = network_.forward(part.input, part.time);
    for (const Quality& quality : qualities(output, part.target)) {
      sum.mse += quality.mse / static_cast<double>(count);
      sum.psnr += quality.psnr / static_cast<double>(count);
      sum.ssim += quality.ssim / static_cast<double>(count);
    }
  }
  network_.module->train();
  return sum;
}

Samples Experiment::restored(std::int64_t count, Tensor& output) const {
  const NoGradGuard no_grad;
  network_.module->eval();
  const Samples& all = validation_;
  Samples part = rows(all, 0, std::min(count, all.size()));
  output = network_.forward(part.input, part.time);
  network_.module->train();
  return part;
}

namespace {

constexpr const char* format_name = "telescope-1";

std::string describe_network(const RunOptions& o) {
  return nlohmann::json{{"task", o.task},     {"scale", o.scale},   {"model", o.model},
                        {"hidden", o.hidden}, {"blocks", o.blocks}, {"dropout", o.dropout}}
      .dump();
}

void append(NamedTensors& all, const std::string& prefix, const NamedTensors& tensors) {
  for (const auto& [name, tensor] : to_pytorch_layout(tensors)) {
    all.push_back({prefix + name, tensor});
  }
}

nlohmann::json to_json(const AllocationState& a) {
  return {{"batches", a.batches},
          {"variances", a.variances},
          {"costs", a.costs},
          {"measurements", a.measurements}};
}

AllocationState allocation_from_json(const nlohmann::json& json) {
  return {json.at("batches"), json.at("variances"), json.at("costs"), json.at("measurements")};
}

}  // namespace

void Experiment::save_weights(const std::filesystem::path& path) const {
  write_safetensors(path, to_pytorch_layout(parameters_->named()),
                    {{"format", format_name}, {"network", describe_network(options_)}});
}

void Experiment::save_checkpoint(const std::filesystem::path& path) const {
  NamedTensors all;
  append(all, "", parameters_->named());
  for (const auto& [name, flat] : optimizer_->state()) {
    append(all, "optimizer." + name + ".", parameters_->slices(flat));
  }
  const TrainerState& p = trainer_->state();
  const nlohmann::json progress{{"steps", p.steps},
                                {"optimizer_steps", optimizer_->steps()},
                                {"work_units", p.work_units},
                                {"seconds", p.seconds},
                                {"images", p.images},
                                {"flop", p.flop},
                                {"allocation", to_json(p.allocation)}};
  write_safetensors(path, all,
                    {{"format", format_name},
                     {"network", describe_network(options_)},
                     {"options", to_json(options_).dump()},
                     {"progress", progress.dump()}});
}

void Experiment::load_checkpoint(const std::filesystem::path& path) {
  const SafetensorsFile file = read_safetensors(path);
  const auto metadata = [&](const std::string& key) {
    const auto found = file.metadata.find(key);
    TELESCOPE_CHECK(found != file.metadata.end(), path.string(),
                    "is no checkpoint of a run: it has no '{}'", key);
    return found->second;
  };
  NamedTensors target = parameters_->named();
  for (const auto& [name, flat] : optimizer_->state()) {
    for (const auto& slice : parameters_->slices(flat)) {
      target.push_back({"optimizer." + name + "." + slice.name, slice.tensor});
    }
  }
  TrainerState p;
  std::int64_t optimizer_steps = 0;
  try {
    const auto json = nlohmann::json::parse(metadata("progress"));
    p = {json.at("steps"),  json.at("work_units"), json.at("seconds"),
         json.at("images"), json.at("flop"),       allocation_from_json(json.at("allocation"))};
    optimizer_steps = json.at("optimizer_steps");
  } catch (const nlohmann::json::exception&) {
    raise(path.string(), "is damaged: its progress cannot be read");
  }
  load_pytorch_layout(target, file.tensors, path.string());
  // Another schedule or rate would go on silently, to other bits. Folders of pictures may move.
  const auto stored = nlohmann::json::parse(metadata("options"), nullptr, false);
  const auto config = to_json(options_);
  for (const auto& [name, value] : config.items()) {
    if (name == "data" || name == "validation") continue;
    const bool same = stored.is_object() && stored.contains(name) && stored[name] == value;
    TELESCOPE_CHECK(same, path.string(), "was written with --{} {}, config.json beside it says {}",
                    name, stored.is_object() && stored.contains(name) ? stored[name].dump() : "?",
                    value.dump());
  }
  optimizer_->set_steps(optimizer_steps);
  trainer_->resume(p);
}

}  // namespace telescope::app
