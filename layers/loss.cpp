// SPDX-License-Identifier: MIT
#include "layers/loss.h"

#include "core/autograd.h"
#include "kernels/loss/loss.h"

namespace telescope {
namespace {

using kernels::Loss;

// Means over the n equal parts of y and target; one part for the scalar.
Tensor mean_loss(Loss loss, const Tensor& y, const Tensor& target, bool per_sample) {
  TELESCOPE_CHECK(y.shape() == target.shape() && y.dtype() == target.dtype(), name_of(loss),
                  "expected output and target alike, got {} {} and {} {}", name_of(y.dtype()),
                  y.shape(), name_of(target.dtype()), target.shape());
  TELESCOPE_CHECK(y.numel() > 0 && (!per_sample || y.rank() >= 1), name_of(loss),
                  "expected samples [N,...] with elements, got shape {}", y.shape());
  const std::int64_t n = per_sample ? y.extent(0) : 1, m = y.numel() / n;
  const Tensor value = Tensor::empty(per_sample ? Shape{n} : Shape{}, y.dtype(), y.device());
  dispatch_float(y.dtype(), name_of(loss), [&]<class T>() {
    kernels::loss(y.stream(), loss, n, m, y.data<T>(), target.data<T>(), value.data<T>());
  });
  const auto backward = [=, y = y.detach(), target = target.detach()](const Tensor& dvalue,
                                                                      Gradients& gradients) {
    Tensor dy, dtarget;
    if (gradients.wants(0)) dy = Tensor::empty(y.shape(), y.dtype(), y.device());
    if (gradients.wants(1)) dtarget = Tensor::empty(y.shape(), y.dtype(), y.device());
    dispatch_float(y.dtype(), name_of(loss), [&]<class T>() {
      kernels::loss_backward(y.stream(), loss, n, m, y.data<T>(), target.data<T>(),
                             dvalue.data<T>(), dy.defined() ? dy.data<T>() : nullptr,
                             dtarget.defined() ? dtarget.data<T>() : nullptr);
    });
    if (dy.defined()) gradients.give(0, std::move(dy));
    if (dtarget.defined()) gradients.give(1, std::move(dtarget));
  };
  return record(name_of(loss), value, {y, target}, backward);
}

}  // namespace

Tensor mse_per_sample(const Tensor& y, const Tensor& target) {
  return mean_loss(Loss::mse, y, target, true);
}
Tensor mse_loss(const Tensor& y, const Tensor& target) {
  return mean_loss(Loss::mse, y, target, false);
}
Tensor l1_per_sample(const Tensor& y, const Tensor& target) {
  return mean_loss(Loss::l1, y, target, true);
}
Tensor l1_loss(const Tensor& y, const Tensor& target) {
  return mean_loss(Loss::l1, y, target, false);
}

}  // namespace telescope
