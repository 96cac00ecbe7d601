// SPDX-License-Identifier: MIT
#include "layers/conv2d.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("conv2d") {
  const Tensor x = c.input("x").set_requires_grad(), weight = c.input("weight").set_requires_grad();
  const Tensor bias = c.input("bias").set_requires_grad();
  const Tensor y =
      conv2d(x, weight, bias, {.stride = c.attrs()["stride"], .padding = c.attrs()["padding"]});
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
  c.check_gradient("in.weight", weight.grad());
  c.check_gradient("in.bias", bias.grad());
}
