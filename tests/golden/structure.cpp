// SPDX-License-Identifier: MIT
#include "layers/structure.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("pixel_shuffle") {
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = pixel_shuffle(x, c.attrs()["upscale_factor"]);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
}

GOLDEN_OP("concat") {
  std::vector<Tensor> parts;
  const auto name = [](std::size_t i) { return "x" + std::to_string(i); };
  while (c.has_input(name(parts.size()))) {
    parts.push_back(c.input(name(parts.size())).set_requires_grad());
  }
  const Tensor y = concat_channels(parts);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  for (std::size_t i = 0; i < parts.size(); ++i) {
    c.check_gradient("in." + name(i), parts[i].grad());
  }
}
