// SPDX-License-Identifier: MIT
#include "layers/conv2d.h"

#include "core/autograd.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/precision.h"
#include "layers/cast.h"

namespace telescope {
namespace {

using kernels::Conv2dShape;

void check_types(const Tensor& x, const Tensor& other, std::string_view name) {
  const DType expected = wide(x.dtype());
  TELESCOPE_CHECK(other.dtype() == expected && other.device() == x.device(), "conv2d",
                  "input {} on {} expects {} {} there, got {} on {}", name_of(x.dtype()),
                  x.device().str(), name, name_of(expected), name_of(other.dtype()),
                  other.device().str());
}

Conv2dShape checked_shape(const Tensor& x, const Tensor& weight, const Tensor& bias,
                          const Conv2dOptions& options) {
  TELESCOPE_CHECK(x.defined() && weight.defined(), "conv2d", "input or weight is undefined");
  TELESCOPE_CHECK(x.rank() == 4, "conv2d", "expected an input [N,H,W,C], got {}", x.shape());
  TELESCOPE_CHECK(weight.rank() == 4, "conv2d", "expected a weight [K,R,S,C], got {}",
                  weight.shape());
  TELESCOPE_CHECK(weight.extent(3) == x.extent(3), "conv2d",
                  "weight {} expects {} input channels, input {} has {}", weight.shape(),
                  weight.extent(3), x.shape(), x.extent(3));
  TELESCOPE_CHECK(weight.numel() > 0, "conv2d", "weight {} is empty", weight.shape());
  check_types(x, weight, "weight");
  if (bias.defined()) {
    TELESCOPE_CHECK(bias.shape() == Shape({weight.extent(0)}), "conv2d",
                    "weight {} expects a bias [{}], got {}", weight.shape(), weight.extent(0),
                    bias.shape());
    check_types(x, bias, "bias");
  }
  TELESCOPE_CHECK(options.stride >= 1 && options.padding >= 0, "conv2d",
                  "expected a stride of at least 1 and a padding of at least 0, got {} and {}",
                  options.stride, options.padding);
  const Conv2dShape shape{.n = x.extent(0),
                          .h = x.extent(1),
                          .w = x.extent(2),
                          .c = x.extent(3),
                          .k = weight.extent(0),
                          .r = weight.extent(1),
                          .s = weight.extent(2),
                          .stride = options.stride,
                          .padding = options.padding};
  TELESCOPE_CHECK(shape.h > 0 && shape.w > 0 && shape.valid(), "conv2d",
                  "input {} with padding {} is smaller than the kernel of weight {}", x.shape(),
                  options.padding, weight.shape());
  return shape;
}

}  // namespace

Tensor conv2d(const Tensor& input, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options) {
  const Conv2dShape shape = checked_shape(input, weight, bias, options);
  const Tensor x = cast(input, kernels::activation_type(input.dtype(), input.device()));
  const Tensor y = Tensor::empty(shape.output_shape(), x.dtype(), x.device());
  dispatch_activation(x.dtype(), "conv2d", [&]<class T>() {
    kernels::conv2d_forward<T>(x.stream(), shape, x.data<T>(), weight.data<Wide<T>>(),
                               {.bias = bias.defined() ? bias.data<Wide<T>>() : nullptr},
                               y.data<T>(), kernels::conv2d_variant_for(shape, x.dtype()));
  });
  const auto backward = [shape, x = x.detach(), weight = weight.detach()](const Tensor& dy,
                                                                          Gradients& gradients) {
    dispatch_activation(x.dtype(), "conv2d", [&]<class T>() {
      if (gradients.wants(1) || gradients.wants(2)) {
        kernels::conv2d_weight_gradient<T>(
            x.stream(), shape, x.data<T>(), dy.data<T>(),
            gradients.wants(1) ? gradients.accumulator(1).data<Wide<T>>() : nullptr,
            gradients.wants(2) ? gradients.accumulator(2).data<Wide<T>>() : nullptr,
            kernels::conv2d_variant_for(shape, x.dtype()));
      }
      if (gradients.wants(0)) {
        Tensor dx = Tensor::empty(x.shape(), x.dtype(), x.device());
        kernels::conv2d_input_gradient<T>(x.stream(), shape, dy.data<T>(), weight.data<Wide<T>>(),
                                          /*accumulate=*/false, dx.data<T>(),
                                          kernels::conv2d_variant_for(shape, x.dtype()));
        gradients.give(0, std::move(dx));
      }
    });
  };
  return record("conv2d", y, {x, weight, bias}, backward);
}

}  // namespace telescope
