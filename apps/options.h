// SPDX-License-Identifier: MIT
// Everything a run is made of, by the names it has on the command line and in config.json.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "core/device.h"

namespace CLI {
class App;
}

namespace telescope::app {

struct RunOptions {
  std::string task = "denoise";
  std::int64_t scale = 2;
  std::string degrade = "finest";
  std::string loss;  ///< "", 0: what the paper uses, for these and all others below
  std::string model = "resnet";
  std::int64_t hidden = 0, blocks = 0;
  double dropout = 0.5;

  std::string data = "builtin";
  std::string validation;
  std::int64_t validation_images = 100;
  bool strict = false;
  std::int64_t size = 64;
  bool resize = false;

  std::string strategy = "full-multiscale";
  std::int64_t levels = 4;
  std::vector<std::int64_t> batch = {16};
  std::int64_t growth = 2;
  std::string allocation, allocation_cost = "work-units";
  std::int64_t steps = 2000;
  std::vector<std::int64_t> stage_steps;  // in place of `steps`, unless empty
  std::string restriction;
  bool paired = false;

  std::string optimizer = "adam";
  double learning_rate = 0, final_learning_rate = 1e-6;
  std::uint64_t seed = 0;

  std::int64_t validate_every = 0, measure_every = 0, checkpoint_every = 0;

  friend bool operator==(const RunOptions&, const RunOptions&) = default;
};

/// Where and how to run: not part of what a run is, free to change when it is resumed.
struct MachineOptions {
  std::string out;
  std::string device = "auto";
  bool no_graph = false;
  int threads = 0;
  std::int64_t memory_limit_mib = 0;
  std::string precision = "auto";
  std::string conv_variant = "automatic";
  std::string backend = "auto";
};

/// Adds `--task`, `--model`, ... to a subcommand, all but those `without`: {"strategy"}.
void add_options(CLI::App& command, RunOptions& options,
                 const std::vector<std::string>& without = {});
/// `trains`: also `--out` and `--no-graph`.
void add_options(CLI::App& command, MachineOptions& options, bool trains = true);
/// Where a run computes, and how its steps get there.
struct Machine {
  Device device;
  bool graphs = true;  ///< steps are recorded and replayed where the device can
};
/// Applies --device, --threads, the memory limit, --precision, --conv-variant and --backend.
Machine apply(const MachineOptions& options);

/// Fills in what was left to the paper. Error with one line unless the values make sense together.
void resolve(RunOptions& options);

nlohmann::json to_json(const RunOptions& options);
/// Error naming `file` for what is missing or of the wrong type.
RunOptions options_from_json(const nlohmann::json& json, const std::string& file);
/// Error if an option given on the command line differs from the stored run's.
void check_same(const CLI::App& command, const RunOptions& given, const RunOptions& stored);

}  // namespace telescope::app
