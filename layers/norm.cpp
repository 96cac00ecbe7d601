// SPDX-License-Identifier: MIT
#include "layers/norm.h"

#include "core/autograd.h"
#include "kernels/layer_norm/layer_norm.h"

namespace telescope {
namespace {

Tensor empty_like(const Tensor& x) { return Tensor::empty(x.shape(), x.dtype(), x.device()); }

}  // namespace

Tensor layer_norm(const Tensor& x, double eps) {
  TELESCOPE_CHECK(x.rank() >= 2 && x.numel() > 0, "layer_norm",
                  "expected samples [N,...] with elements, got an input of shape {}", x.shape());
  const std::int64_t n = x.extent(0), m = x.numel() / n;
  const Tensor y = empty_like(x), rstd = Tensor::empty({n}, x.dtype(), x.device());
  dispatch_float(x.dtype(), "layer_norm", [&]<class T>() {
    kernels::layer_norm(x.stream(), n, m, eps, x.data<T>(), y.data<T>(), rstd.data<T>());
  });
  return record("layer_norm", y, {x}, [=, y = y.detach()](const Tensor& dy, Gradients& gradients) {
    Tensor dx = empty_like(y);
    dispatch_float(y.dtype(), "layer_norm", [&]<class T>() {
      kernels::layer_norm_backward(y.stream(), n, m, y.data<T>(), rstd.data<T>(), dy.data<T>(),
                                   dx.data<T>());
    });
    gradients.give(0, std::move(dx));
  });
}

}  // namespace telescope
