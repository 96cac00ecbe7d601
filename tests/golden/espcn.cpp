// SPDX-License-Identifier: MIT
#include "models/espcn.h"

#include "golden/networks.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_MODEL("ESPCN") {
  ESPCN net({.channels = c.attrs()["channels"], .scale = c.attrs()["upscale_factor"]});
  check_network(c, net, [&](const Tensor& x, const Tensor&) { return net(x); });
}
