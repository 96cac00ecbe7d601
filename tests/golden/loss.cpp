// SPDX-License-Identifier: MIT
#include "layers/loss.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

namespace {
void check_loss(Case& c, Tensor (*loss)(const Tensor&, const Tensor&)) {
  const Tensor x = c.input("x").set_requires_grad(), target = c.input("target").set_requires_grad();
  const Tensor value = loss(x, target);
  c.check("out.loss", value.reshape({1}));
  value.backward(c.seed("out.loss").reshape({}));
  c.check_gradient("in.x", x.grad());
  c.check_gradient("in.target", target.grad());
}
}  // namespace

GOLDEN_OP("mse_loss") { check_loss(c, mse_loss); }
GOLDEN_OP("l1_loss") { check_loss(c, l1_loss); }

GOLDEN_OP("ssim") {
  const Tensor a = c.input("img1").set_requires_grad(), b = c.input("img2").set_requires_grad();
  const Tensor value = ssim_per_sample(a, b, c.attrs()["L"]);
  c.check("out.ssim", value);
  value.backward(c.seed("out.ssim"));
  c.check_gradient("in.img1", a.grad());
  c.check_gradient("in.img2", b.grad());
}
