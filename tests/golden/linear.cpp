// SPDX-License-Identifier: MIT
#include "layers/linear.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("linear") {
  const Tensor x = c.input("x").set_requires_grad(), weight = c.input("weight").set_requires_grad();
  const Tensor bias = c.input("bias").set_requires_grad();
  const Tensor y = linear(x, weight, bias);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
  c.check_gradient("in.weight", weight.grad());
  c.check_gradient("in.bias", bias.grad());
}
