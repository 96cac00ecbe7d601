// SPDX-License-Identifier: MIT
#include "layers/norm.h"

#include "core/autograd.h"
#include "kernels/group_norm/group_norm.h"
#include "kernels/layer_norm/layer_norm.h"

namespace telescope {

Tensor layer_norm(Tensor x, double eps, std::optional<LeakyRelu> activation) {
  TELESCOPE_CHECK(x.rank() >= 2 && x.numel() > 0, "layer_norm",
                  "expected samples [N,...] with elements, got an input of shape {}", x.shape());
  const double slope = activation ? activation->slope : 1;
  TELESCOPE_CHECK(slope > 0, "layer_norm", "expected a slope above 0 for its leaky ReLU, got {}",
                  slope);
  const std::int64_t n = x.extent(0), m = x.numel() / n;
  const Tensor y = in_place_or_fresh(x), rstd = Tensor::empty({n}, wide(x.dtype()), x.device());
  dispatch_activation(x.dtype(), "layer_norm", [&]<class T>() {
    kernels::layer_norm(x.stream(), n, m, eps, slope, x.data<T>(), y.data<T>(),
                        rstd.data<Wide<T>>());
  });
  return record("layer_norm", y, {x}, [=, y = y.detach()](Tensor dy, Gradients& gradients) {
    Tensor dx = in_place_or_fresh(dy);
    dispatch_activation(y.dtype(), "layer_norm", [&]<class T>() {
      kernels::layer_norm_backward(y.stream(), n, m, slope, y.data<T>(), rstd.data<Wide<T>>(),
                                   dy.data<T>(), dx.data<T>());
    });
    gradients.give(0, std::move(dx));
  });
}

namespace {

kernels::GroupNormShape group_norm_shape(const Tensor& x, std::int64_t groups, const Tensor& weight,
                                         const Tensor& bias) {
  TELESCOPE_CHECK((x.rank() == 3 || x.rank() == 4) && x.numel() > 0, "group_norm",
                  "expected an input [N,H,W,C] or [N,T,C] with elements, got {}", x.shape());
  const std::int64_t channels = x.extent(-1);
  TELESCOPE_CHECK(groups >= 1 && channels % groups == 0, "group_norm",
                  "{} groups do not divide the {} channels of an input of shape {}", groups,
                  channels, x.shape());
  TELESCOPE_CHECK(weight.defined() && bias.defined(), "group_norm",
                  "expected a weight and a bias for {} channels", channels);
  const DType type = wide(x.dtype());
  TELESCOPE_CHECK(weight.shape() == Shape{channels} && bias.shape() == Shape{channels} &&
                      weight.dtype() == type && bias.dtype() == type,
                  "group_norm",
                  "input {} {} expects weight and bias {} [{}], got weight {} {} and bias {} {}",
                  name_of(x.dtype()), x.shape(), name_of(type), channels, name_of(weight.dtype()),
                  weight.shape(), name_of(bias.dtype()), bias.shape());
  return {x.extent(0), x.numel() / (x.extent(0) * channels), channels, groups};
}

}  // namespace

Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps, std::optional<Silu> silu) {
  const auto activation = silu ? kernels::NormActivation::silu : kernels::NormActivation::none;
  const auto shape = group_norm_shape(x, groups, weight, bias);
  const Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
  const Tensor mean = Tensor::empty({shape.n, groups}, DType::f64, x.device());
  const Tensor rstd = Tensor::empty({shape.n, groups}, DType::f64, x.device());
  dispatch_activation(x.dtype(), "group_norm", [&]<class T>() {
    kernels::group_norm(x.stream(), shape, eps, x.data<T>(), weight.data<Wide<T>>(),
                        bias.data<Wide<T>>(), activation, y.data<T>(), mean.data<double>(),
                        rstd.data<double>());
  });
  const auto backward = [=, x = x.detach(), weight = weight.detach(), bias = bias.detach()](
                            Tensor dy, Gradients& gradients) {
    Tensor dx, dweight, dbias;
    if (gradients.wants(0)) dx = gradients.take(0);
    const bool accumulate = dx.defined();
    if (gradients.wants(0) && !accumulate) dx = in_place_or_fresh(dy);
    if (gradients.wants(1)) dweight = gradients.accumulator(1);
    if (gradients.wants(2)) dbias = gradients.accumulator(2);
    dispatch_activation(x.dtype(), "group_norm", [&]<class T>() {
      kernels::group_norm_backward(x.stream(), shape, x.data<T>(), weight.data<Wide<T>>(),
                                   bias.data<Wide<T>>(), activation, mean.data<double>(),
                                   rstd.data<double>(), dy.data<T>(),
                                   dx.defined() ? dx.data<T>() : nullptr, accumulate,
                                   dweight.defined() ? dweight.data<Wide<T>>() : nullptr,
                                   dbias.defined() ? dbias.data<Wide<T>>() : nullptr);
    });
    if (dx.defined()) gradients.give(0, std::move(dx));
  };
  return record("group_norm", y, {x, weight, bias}, backward);
}

}  // namespace telescope
