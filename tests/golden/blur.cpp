// SPDX-License-Identifier: MIT
#include "layers/blur.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

GOLDEN_OP("blur_fft") {
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = gaussian_blur(x, c.attrs()["sigma"][0]);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
}
