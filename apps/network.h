// SPDX-License-Identifier: MIT
// The networks of models/, by name, for the tasks that they are made for.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string_view>

#include "apps/options.h"
#include "apps/task.h"
#include "layers/module.h"

namespace telescope::app {

struct Network {
  std::unique_ptr<Module> module;
  /// What samples of the task show, [N,H,W,3], and their times [N], where it has some, to images
  /// [N, H scale, W scale, 3].
  std::function<Tensor(const Tensor& x, const Tensor& t)> forward;
};

/// resnet, unet, srnet, espcn.
std::span<const std::string_view> model_names();

/// Fills in what is 0 or empty by what arXiv:2501.12739 uses for this network and task. Error unless
/// there is such a network, it is made for the task, and its numbers make sense.
void resolve_network(RunOptions& options);

/// "resnet with 128 channels and 2 blocks", of resolved options.
std::string network_description(const RunOptions& options);

/// The network that resolved options name, with its parameters drawn from `seed`.
Network make_network(const RunOptions& options, std::uint64_t seed);

}  // namespace telescope::app
