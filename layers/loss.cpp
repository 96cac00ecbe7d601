// SPDX-License-Identifier: MIT
#include "layers/loss.h"

#include "core/autograd.h"
#include "kernels/loss/loss.h"
#include "kernels/ssim/ssim.h"
#include "layers/cast.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"

namespace telescope {
namespace {

using kernels::Loss;

// Means over the n equal parts of y and target; one part for the scalar.
Tensor mean_loss(Loss loss, const Tensor& y, const Tensor& wanted, bool per_sample) {
  const Tensor target = cast(wanted, wide(wanted.dtype()));
  TELESCOPE_CHECK(y.shape() == target.shape() && wide(y.dtype()) == target.dtype(), name_of(loss),
                  "expected output and target alike, got {} {} and {} {}", name_of(y.dtype()),
                  y.shape(), name_of(target.dtype()), target.shape());
  TELESCOPE_CHECK(y.numel() > 0 && (!per_sample || y.rank() >= 1), name_of(loss),
                  "expected samples [N,...] with elements, got shape {}", y.shape());
  const std::int64_t n = per_sample ? y.extent(0) : 1, m = y.numel() / n;
  const Tensor value = Tensor::empty(per_sample ? Shape{n} : Shape{}, wide(y.dtype()), y.device());
  dispatch_activation(y.dtype(), name_of(loss), [&]<class T>() {
    kernels::loss(y.stream(), loss, n, m, y.data<T>(), target.data<Wide<T>>(),
                  value.data<Wide<T>>());
  });
  const auto backward = [=, y = y.detach(), target = target.detach()](const Tensor& dvalue,
                                                                      Gradients& gradients) {
    Tensor dy, dtarget;
    if (gradients.wants(0)) dy = Tensor::empty(y.shape(), y.dtype(), y.device());
    if (gradients.wants(1)) dtarget = Tensor::empty(y.shape(), target.dtype(), y.device());
    dispatch_activation(y.dtype(), name_of(loss), [&]<class T>() {
      kernels::loss_backward(y.stream(), loss, n, m, y.data<T>(), target.data<Wide<T>>(),
                             dvalue.data<Wide<T>>(), dy.defined() ? dy.data<T>() : nullptr,
                             dtarget.defined() ? dtarget.data<Wide<T>>() : nullptr);
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

Tensor ssim_per_sample(const Tensor& left, const Tensor& right, double range) {
  const Tensor a = cast(left, wide(left.dtype())), b = cast(right, wide(right.dtype()));
  TELESCOPE_CHECK(a.rank() == 4 && a.shape() == b.shape() && a.dtype() == b.dtype(), "ssim",
                  "expected two batches of images [N,H,W,C] alike, got {} {} and {} {}",
                  name_of(a.dtype()), a.shape(), name_of(b.dtype()), b.shape());
  TELESCOPE_CHECK(a.numel() > 0, "ssim", "expected images with elements, got shape {}", a.shape());
  TELESCOPE_CHECK(range > 0, "ssim", "expected a positive range, got {}", range);
  const kernels::SsimShape shape{a.extent(0), a.extent(1), a.extent(2), a.extent(3)};
  const Tensor value = Tensor::empty({shape.n}, a.dtype(), a.device());
  Tensor slopes;
  if (recording({a, b})) slopes = Tensor::empty({4, shape.numel()}, a.dtype(), a.device());
  dispatch_float(a.dtype(), "ssim", [&]<class T>() {
    kernels::ssim(a.stream(), shape, range, a.data<T>(), b.data<T>(), value.data<T>(),
                  slopes.defined() ? slopes.data<T>() : nullptr);
  });
  const auto backward = [=, a = a.detach(), b = b.detach()](const Tensor& dvalue,
                                                            Gradients& gradients) {
    Tensor da, db;
    if (gradients.wants(0)) da = Tensor::empty(a.shape(), a.dtype(), a.device());
    if (gradients.wants(1)) db = Tensor::empty(a.shape(), a.dtype(), a.device());
    dispatch_float(a.dtype(), "ssim", [&]<class T>() {
      kernels::ssim_backward(a.stream(), shape, a.data<T>(), b.data<T>(), slopes.data<T>(),
                             dvalue.data<T>(), da.defined() ? da.data<T>() : nullptr,
                             db.defined() ? db.data<T>() : nullptr);
    });
    if (da.defined()) gradients.give(0, std::move(da));
    if (db.defined()) gradients.give(1, std::move(db));
  };
  return record("ssim", value, {a, b}, backward);
}

Tensor ssim_loss(const Tensor& a, const Tensor& b, double range) {
  return Tensor::full({}, 1, wide(a.dtype()), a.device()) - mean(ssim_per_sample(a, b, range));
}

}  // namespace telescope
