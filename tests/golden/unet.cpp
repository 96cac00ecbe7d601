// SPDX-License-Identifier: MIT
#include "models/unet.h"

#include "golden/networks.h"
#include "layers/loss.h"

using namespace telescope;
using namespace telescope::test;

namespace {
UNetOptions options_of(const nlohmann::json& attrs) {
  return {.in_channels = attrs["in_channels"],
          .out_channels = attrs["out_channels"],
          .model_channels = attrs["model_channels"],
          .multipliers = attrs["channel_mult"],
          .res_blocks = attrs["num_res_blocks"],
          .dropout = attrs["dropout"],
          .groups = attrs["groups"],
          .heads = attrs["num_heads"],
          .eps = attrs["eps"]};
}
}  // namespace

GOLDEN_MODEL("UNetModel") {
  UNet net(options_of(c.attrs()));
  check_network(c, net, std::cref(net));
}

GOLDEN_MGE("UNetModel") {
  UNet net(options_of(c.attrs()["model_attrs"]));
  check_multiscale(
      c, net, [&](const Samples& s) { return mse_per_sample(net(s.input, s.time), s.target); });
}
