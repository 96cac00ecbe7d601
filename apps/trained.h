// SPDX-License-Identifier: MIT
// A trained network, found and loaded by what the user calls it.
#pragma once

#include "apps/network.h"
#include "apps/tiles.h"

namespace telescope::app {

/// What the command line says of a checkpoint. "" and 0: nothing.
struct CheckpointOptions {
  std::string path;
  std::string task, model;
  std::int64_t scale = 0, hidden = 0, blocks = 0;
};
void add_options(CLI::App& command, CheckpointOptions& options);

struct Trained {
  RunOptions options;  ///< task and network, resolved; of a run folder all that config.json says
  Task task;
  Network network;  ///< in evaluation mode, on the device

  /// "denoise, resnet with 32 channels and 2 blocks".
  std::string description() const;
};

/// Loads model.safetensors of a run folder, or its checkpoint.safetensors where the run is not done,
/// or a file of weights by the names and in the layouts of a PyTorch state_dict. Which network they
/// belong to is in the file's metadata; `options` says it for a file without, and must agree with
/// one that has them. Error that names the file for what is missing, damaged or of another network.
Trained load_trained(const CheckpointOptions& options, const Device& device);

/// How a network is given pictures of any size.
struct TileOptions {
  std::int64_t side = 0;           ///< 0: as memory allows
  std::int64_t memory_mib = 2048;  ///< that a tile may take
};
void add_options(CLI::App& command, TileOptions& options);

/// The tiles for a picture of that size.
Tiling tiling_for(const Trained& trained, const TileOptions& options, std::int64_t height,
                  std::int64_t width, const Device& device);

/// The network's output for x [1,H,W,3] and, where the task has a time, t [1]; all on the host.
Tensor restore(const Trained& trained, const Tensor& x, const Tensor& t, const Tiling& tiling,
               const Device& device);

}  // namespace telescope::app
