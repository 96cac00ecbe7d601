// SPDX-License-Identifier: MIT
#include "layers/blur.h"

#include <cmath>

#include "core/autograd.h"
#include "kernels/blur/blur.h"

namespace telescope {
namespace {

Tensor blur(const Tensor& x, double sigma) {
  Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  dispatch_float(x.dtype(), "gaussian_blur", [&]<class T>() {
    kernels::gaussian_blur(x.stream(), {x.extent(0), x.extent(1), x.extent(2), x.extent(3)}, sigma,
                           x.data<T>(), y.data<T>());
  });
  return y;
}

}  // namespace

Tensor gaussian_blur(const Tensor& x, double sigma) {
  TELESCOPE_CHECK(x.defined() && x.rank() == 4 && x.extent(1) >= 1 && x.extent(2) >= 1,
                  "gaussian_blur", "expected an image [N,H,W,C], got {}",
                  x.defined() ? x.shape().str() : "no tensor");
  TELESCOPE_CHECK(std::isfinite(sigma) && sigma > 0, "gaussian_blur",
                  "expected a deviation above 0, got {}", sigma);
  return record(
      "gaussian_blur", blur(x, sigma), {x},
      [sigma](const Tensor& dy, Gradients& gradients) { gradients.give(0, blur(dy, sigma)); });
}

}  // namespace telescope
