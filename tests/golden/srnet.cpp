// SPDX-License-Identifier: MIT
#include "models/srnet.h"

#include "golden/networks.h"
#include "layers/loss.h"
#include "layers/pointwise.h"

using namespace telescope;
using namespace telescope::test;

namespace {
SRNetOptions options_of(const nlohmann::json& attrs) {
  return {.channels = attrs["in_channels"],
          .hidden = attrs["hid_channels"],
          .negative_slope = attrs["negative_slope"],
          .eps = attrs["eps"]};
}
}  // namespace

GOLDEN_MODEL("SRParaConvNet") {
  SRNet net(options_of(c.attrs()));
  check_network(c, net, [&](const Tensor& x, const Tensor&) { return net.residual(x); });
}

GOLDEN_MGE("SRParaConvNet") {
  SRNet net(options_of(c.attrs()["model_attrs"]));
  check_multiscale(
      c, net, [&](const Samples& s) { return scale(ssim_per_sample(net(s.input), s.target), -1); });
}
