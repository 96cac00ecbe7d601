// SPDX-License-Identifier: MIT
#include "layers/pointwise.h"

#include "core/autograd.h"
#include "kernels/pointwise/pointwise.h"
#include "layers/cast.h"

namespace telescope {
namespace {

using kernels::Binary;
using kernels::Unary;

Tensor empty_like(const Tensor& x) { return Tensor::empty(x.shape(), x.dtype(), x.device()); }

Tensor unary(Unary function, const Tensor& x, double a = 0) {
  const Tensor y = empty_like(x);
  dispatch_activation(x.dtype(), name_of(function), [&]<class T>() {
    kernels::unary(x.stream(), function, static_cast<Wide<T>>(a), x.numel(), x.data<T>(),
                   y.data<T>());
  });
  const auto backward = [=, x = x.detach()](Tensor dy, Gradients& gradients) {
    Tensor dx = in_place_or_fresh(dy);
    dispatch_activation(x.dtype(), name_of(function), [&]<class T>() {
      kernels::unary_backward(x.stream(), function, static_cast<Wide<T>>(a), x.numel(), x.data<T>(),
                              dy.data<T>(), dx.data<T>());
    });
    gradients.give(0, std::move(dx));
  };
  return record(name_of(function), y, {x}, backward);
}

Tensor binary(Binary function, const Tensor& a, const Tensor& b) {
  TELESCOPE_CHECK(a.shape() == b.shape() && a.dtype() == b.dtype(), name_of(function),
                  "expected two tensors alike, got {} {} and {} {}", name_of(a.dtype()), a.shape(),
                  name_of(b.dtype()), b.shape());
  const Tensor y = empty_like(a);
  dispatch_activation(a.dtype(), name_of(function), [&]<class T>() {
    kernels::binary(a.stream(), function, a.numel(), a.data<T>(), b.data<T>(), y.data<T>());
  });
  return y;
}

}  // namespace

Tensor silu(const Tensor& x) { return unary(Unary::silu, x); }
Tensor relu(const Tensor& x) { return unary(Unary::relu, x); }
Tensor leaky_relu(const Tensor& x, double slope) { return unary(Unary::leaky_relu, x, slope); }
Tensor tanh(const Tensor& x) { return unary(Unary::tanh, x); }
Tensor sigmoid(const Tensor& x) { return unary(Unary::sigmoid, x); }
Tensor scale(const Tensor& x, double factor) { return unary(Unary::scale, x, factor); }

Tensor add(const Tensor& left, const Tensor& right) {
  const auto in = in_common_type({left, right});
  return record("add", binary(Binary::add, in[0], in[1]), in,
                [](const Tensor& dy, Gradients& gradients) {
                  if (gradients.wants(0)) gradients.give(0, dy);
                  if (gradients.wants(1)) gradients.give(1, dy);
                });
}

Tensor sub(const Tensor& left, const Tensor& right) {
  const auto in = in_common_type({left, right});
  return record("sub", binary(Binary::sub, in[0], in[1]), in,
                [](const Tensor& dy, Gradients& gradients) {
                  if (gradients.wants(0)) gradients.give(0, dy);
                  if (gradients.wants(1)) gradients.give(1, unary(Unary::scale, dy, -1));
                });
}

Tensor mul(const Tensor& left, const Tensor& right) {
  const auto in = in_common_type({left, right});
  return record("mul", binary(Binary::mul, in[0], in[1]), in,
                [a = in[0].detach(), b = in[1].detach()](const Tensor& dy, Gradients& gradients) {
                  if (gradients.wants(0)) gradients.give(0, binary(Binary::mul, dy, b));
                  if (gradients.wants(1)) gradients.give(1, binary(Binary::mul, dy, a));
                });
}

}  // namespace telescope
