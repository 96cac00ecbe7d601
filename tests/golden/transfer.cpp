// SPDX-License-Identifier: MIT
#include "layers/transfer.h"

#include "golden/golden.h"

using namespace telescope;
using namespace telescope::test;

namespace {
template <class F>
void check_transfer(Case& c, F&& f) {
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = f(x);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.x", x.grad());
}
}  // namespace

GOLDEN_OP("interpolate") {
  const bool nearest = c.attrs()["mode"] == "nearest", aligned = c.attrs()["align_corners"];
  const double factor = c.attrs()["scale_factor"];
  check_transfer(c, [&](const Tensor& x) {
    return interpolate(x, factor,
                       nearest   ? Interpolation::nearest
                       : aligned ? Interpolation::bilinear_aligned
                                 : Interpolation::bilinear);
  });
  if (factor != 0.5) return;
  const Restriction kind = nearest   ? Restriction::injection
                           : aligned ? Restriction::bilinear_aligned
                                     : Restriction::bilinear;
  check_transfer(c, [&](const Tensor& x) { return restrict(x, kind); });
}

GOLDEN_OP("avg_pool2d") {
  check_transfer(c, [](const Tensor& x) { return restrict(x, Restriction::mean); });
}
