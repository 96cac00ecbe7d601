// SPDX-License-Identifier: MIT
#include "layers/pointwise.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

namespace {
template <class F>
void check_unary(Case& c, F&& f) {
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = f(x);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
}
}  // namespace

GOLDEN_OP("silu") { check_unary(c, silu); }
GOLDEN_OP("relu") { check_unary(c, relu); }
GOLDEN_OP("tanh") {
  check_unary(c, [](const Tensor& x) { return telescope::tanh(x); });
}
GOLDEN_OP("leaky_relu") {
  check_unary(c, [&](const Tensor& x) { return leaky_relu(x, c.attrs()["negative_slope"]); });
}
