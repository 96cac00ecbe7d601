// SPDX-License-Identifier: MIT
#include "layers/attention.h"

#include "core/autograd.h"
#include "kernels/softmax/softmax.h"

namespace telescope {
namespace {

Tensor empty_like(const Tensor& x) { return Tensor::empty(x.shape(), x.dtype(), x.device()); }

}  // namespace

Tensor softmax(const Tensor& x) {
  TELESCOPE_CHECK(x.rank() >= 1 && x.numel() > 0, "softmax",
                  "expected an input of rank 1 or more with elements, got shape {}", x.shape());
  const Tensor y = empty_like(x);
  const std::int64_t columns = x.extent(-1), rows = x.numel() / columns;
  dispatch_float(x.dtype(), "softmax", [&]<class T>() {
    kernels::softmax(x.stream(), rows, columns, x.data<T>(), y.data<T>());
  });
  return record("softmax", y, {x}, [=, y = y.detach()](const Tensor& dy, Gradients& gradients) {
    Tensor dx = empty_like(y);
    dispatch_float(y.dtype(), "softmax", [&]<class T>() {
      kernels::softmax_backward(y.stream(), rows, columns, y.data<T>(), dy.data<T>(), dx.data<T>());
    });
    gradients.give(0, std::move(dx));
  });
}

}  // namespace telescope
