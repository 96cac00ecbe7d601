// SPDX-License-Identifier: MIT
#include "layers/norm.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("layer_norm") {
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = layer_norm(x, c.attrs()["eps"]);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
}

GOLDEN_OP("group_norm") {
  // [N,C,H,W] or [N,C,T]: channels last in both
  const Order order = c.raw("in.x").rank() == 3 ? Order{0, 2, 1} : Order{0, 2, 3, 1};
  const Tensor x = c.input("x", order).set_requires_grad();
  const Tensor weight = c.input("weight").set_requires_grad();
  const Tensor bias = c.input("bias").set_requires_grad();
  const Tensor y = group_norm(x, c.attrs()["groups"], weight, bias, c.attrs()["eps"]);
  c.check("out.y", y, order);
  y.backward(c.seed("out.y", order));
  c.check_gradient("in.x", x.grad(), order);
  c.check_gradient("in.weight", weight.grad());
  c.check_gradient("in.bias", bias.grad());
}
