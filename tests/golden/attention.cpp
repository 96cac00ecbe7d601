// SPDX-License-Identifier: MIT
#include "layers/attention.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("softmax") {
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = softmax(x);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
}
