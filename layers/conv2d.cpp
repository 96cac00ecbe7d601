// SPDX-License-Identifier: MIT
#include "layers/conv2d.h"

#include "core/autograd.h"
#include "kernels/channel/channel.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/precision.h"
#include "layers/cast.h"
#include "layers/pointwise.h"

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

// The terms as they are added to an output of this type: the offset in its wide one.
Conv2dTerms checked_terms(const Conv2dTerms& plus, const Conv2dShape& shape, DType dtype) {
  Conv2dTerms terms = plus;
  if (plus.offset.defined()) {
    terms.offset = cast(plus.offset, wide(plus.offset.dtype()));
    TELESCOPE_CHECK(
        plus.offset.shape() == Shape({shape.n, shape.k}) && terms.offset.dtype() == wide(dtype),
        "conv2d", "output {} {} expects an offset {} [{},{}], got {} {}", name_of(dtype),
        shape.output_shape(), name_of(wide(dtype)), shape.n, shape.k, name_of(plus.offset.dtype()),
        plus.offset.shape());
  }
  if (plus.residual.defined()) {
    TELESCOPE_CHECK(plus.residual.shape() == shape.output_shape() && plus.residual.dtype() == dtype,
                    "conv2d", "expected a residual like the output {} {}, got {} {}",
                    name_of(dtype), shape.output_shape(), name_of(plus.residual.dtype()),
                    plus.residual.shape());
  }
  return terms;
}

// Of weight (input 1), bias (2) and offset (3).
template <class T>
void parameter_gradients(const Conv2dShape& shape, const Tensor& x, const Tensor& dy,
                         Gradients& gradients) {
  Wide<T>*dweight = nullptr, *dbias = nullptr;
  if (gradients.wants(1)) dweight = gradients.accumulator(1).data<Wide<T>>();
  if (gradients.wants(2)) dbias = gradients.accumulator(2).data<Wide<T>>();
  if (gradients.wants(3)) {  // the sums over each image, of which the bias's is made too
    Tensor doffset = Tensor::empty({shape.n, shape.k}, dtype_of<Wide<T>>, dy.device());
    const kernels::PerChannel pixels{shape.n, shape.out_h() * shape.out_w(), shape.k};
    auto* const sums = doffset.data<Wide<T>>();
    kernels::sum_per_channel(dy.stream(), pixels, dy.data<T>(), sums);
    if (dbias) kernels::sum_over_samples(dy.stream(), shape.n, shape.k, sums, dbias);
    dbias = nullptr;
    gradients.give(3, std::move(doffset));
  }
  if (dweight || dbias) {
    kernels::conv2d_weight_gradient<T>(dy.stream(), shape, x.data<T>(), dy.data<T>(), dweight,
                                       dbias, kernels::conv2d_variant_for(shape, dy.dtype()));
  }
}

template <class T>
void input_gradient(const Conv2dShape& shape, const Tensor& weight, const Tensor& dy,
                    Gradients& gradients) {
  Tensor dx = gradients.take(0);
  const bool accumulate = dx.defined();
  if (!accumulate) dx = Tensor::empty(shape.input_shape(), dy.dtype(), dy.device());
  kernels::conv2d_input_gradient<T>(dy.stream(), shape, dy.data<T>(), weight.data<Wide<T>>(),
                                    accumulate, dx.data<T>(),
                                    kernels::conv2d_variant_for(shape, dy.dtype()));
  gradients.give(0, std::move(dx));
}

}  // namespace

Tensor conv2d(const Tensor& input, const Tensor& weight, const Tensor& bias,
              const Conv2dOptions& options, const Conv2dTerms& plus) {
  const Conv2dShape shape = checked_shape(input, weight, bias, options);
  const Tensor x = cast(input, kernels::activation_type(input.dtype(), input.device()));
  if (plus.residual.defined() && plus.residual.dtype() == DType::f32 && x.dtype() == DType::bf16) {
    return plus.residual + conv2d(x, weight, bias, options, {.offset = plus.offset});
  }
  const Conv2dTerms terms = checked_terms(plus, shape, x.dtype());
  const Tensor y = Tensor::empty(shape.output_shape(), x.dtype(), x.device());
  dispatch_activation(x.dtype(), "conv2d", [&]<class T>() {
    kernels::Conv2dEpilogue<T> epilogue;
    if (bias.defined()) epilogue.bias = bias.data<Wide<T>>();
    if (terms.offset.defined()) epilogue.offset = terms.offset.data<Wide<T>>();
    if (terms.residual.defined()) epilogue.residual = terms.residual.data<T>();
    kernels::conv2d_forward<T>(x.stream(), shape, x.data<T>(), weight.data<Wide<T>>(), epilogue,
                               y.data<T>(), kernels::conv2d_variant_for(shape, x.dtype()));
  });
  const auto backward = [shape, x = x.detach(), weight = weight.detach()](
                            Tensor dy, Gradients& gradients) mutable {
    dispatch_activation(dy.dtype(), "conv2d", [&]<class T>() {
      parameter_gradients<T>(shape, x, dy, gradients);
      x = Tensor();  // if nobody else has it, its memory is what the input's gradient takes
      if (gradients.wants(0)) input_gradient<T>(shape, weight, dy, gradients);
    });
    if (gradients.wants(4)) gradients.give(4, std::move(dy));
  };
  return record("conv2d", y, {x, weight, bias, terms.offset, terms.residual}, backward);
}

}  // namespace telescope
