// SPDX-License-Identifier: MIT
#include "apps/network.h"

#include "models/resnet.h"

namespace telescope::app {

Network make_network(const RunOptions& options, std::uint64_t seed) {
  TELESCOPE_CHECK(options.model == "resnet", "--model", "expected resnet, got '{}'", options.model);
  auto net =
      std::make_unique<ResNet>(ResNetOptions{.hidden = options.hidden, .blocks = options.blocks});
  net->initialize(seed);
  ResNet* resnet = net.get();
  return {std::move(net), [resnet](const Tensor& x, const Tensor& t) { return (*resnet)(x, t); }};
}

}  // namespace telescope::app
