// SPDX-License-Identifier: MIT
// The networks of models/, by name.
#pragma once

#include <functional>
#include <memory>

#include "apps/options.h"
#include "layers/module.h"

namespace telescope::app {

struct Network {
  std::unique_ptr<Module> module;
  /// Images [N,H,W,3] and times [N] to images [N,H,W,3].
  std::function<Tensor(const Tensor& x, const Tensor& t)> forward;
};

/// The network that the options name, with its parameters drawn from `seed`.
Network make_network(const RunOptions& options, std::uint64_t seed);

}  // namespace telescope::app
