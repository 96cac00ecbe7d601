// SPDX-License-Identifier: MIT
#include "layers/conv2d.h"

#include "kernels/conv2d/conv2d_variant.h"
#include "kernels/precision.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
using In = const std::vector<Tensor>&;

TEST_CASE("gradients of conv2d") {
  const Tensor x = random_tensor({2, 6, 5, 3}, DType::f64, 1);
  const Tensor weight = random_tensor({4, 3, 3, 3}, DType::f64, 2);
  const Tensor bias = random_tensor({4}, DType::f64, 3);
  for (const std::int64_t stride : {1, 2}) {
    for (const std::int64_t padding : {0, 1}) {
      check_gradients(
          [=](In in) {
            return conv2d(in[0], in[1], in[2], {.stride = stride, .padding = padding});
          },
          {x, weight, bias});
    }
  }
  check_gradients([](In in) { return conv2d(in[0], in[1], Tensor()); }, {x, weight});
  check_gradients([=](In in) { return conv2d(x, in[0], Tensor()); }, {weight});
  check_gradients([=](In in) { return conv2d(x, weight, in[0]); }, {bias});
}

// x, weight, bias, offset, residual.
static std::vector<Tensor> with_terms(DType dtype) {
  return {random_tensor({2, 6, 5, 3}, dtype, 1), random_tensor({4, 3, 3, 3}, dtype, 2),
          random_tensor({4}, dtype, 3), random_tensor({2, 4}, dtype, 4),
          random_tensor({2, 6, 5, 4}, dtype, 5)};
}

TEST_CASE("gradients of conv2d with an offset and a residual") {
  const auto arrays = with_terms(DType::f64);
  check_gradients(
      [](In in) {
        return conv2d(in[0], in[1], in[2], {.padding = 1}, {.offset = in[3], .residual = in[4]});
      },
      arrays);
  check_gradients(
      [&](In of) { return conv2d(arrays[0], arrays[1], of[0], {.padding = 1}, {.offset = of[1]}); },
      {arrays[2], arrays[3]});
  check_gradients(
      [&](In of) { return conv2d(of[0], arrays[1], {}, {.padding = 1}, {.offset = of[1]}); },
      {arrays[0], arrays[3]});
  // one tensor as input and as residual, to which the gradient comes in place
  check_gradients(
      [&](In of) {
        const Tensor z = of[0] + of[0];
        const Tensor y = conv2d(z, of[1], {}, {.padding = 1});
        return conv2d(y, of[1], {}, {.padding = 1}, {.residual = z});
      },
      {random_tensor({2, 4, 3, 2}, DType::f64), random_tensor({2, 3, 3, 2}, DType::f64, 2)});
}

TEST_CASE("conv2d with terms is the sum of its terms") {
  const auto arrays = with_terms(DType::f32);
  const auto together = [](In in) {
    return conv2d(in[0], in[1], in[2], {.padding = 1}, {.offset = in[3], .residual = in[4]});
  };
  const auto one_by_one = [](In in) {
    return in[4] + add_per_channel(conv2d(in[0], in[1], in[2], {.padding = 1}), in[3]);
  };
  CHECK_NORM_CLOSE(together(arrays), one_by_one(arrays), 1e-6);
  check_on_device(together, arrays, 1e-3);  // products round to tf32
  // x and residual are activations, the rest is f32
  const auto reordered = [](In in) {
    return conv2d(in[0], in[2], in[3], {.padding = 1}, {.offset = in[4], .residual = in[1]});
  };
  const std::vector<Tensor> order = {arrays[0], arrays[4], arrays[1], arrays[2], arrays[3]};
  check_in_bf16(reordered, order, 2, 4);  // weight, sum, with offset, with residual
  check_in_bf16(reordered, order, 1, 4);  // a residual of f32 beside an output of bf16
}

TEST_CASE("what conv2d refuses of its terms") {
  const auto arrays = with_terms(DType::f32);
  CHECK(error_of([&] { conv2d(arrays[0], arrays[1], arrays[2], {}, {.residual = arrays[4]}); }) ==
        "conv2d: expected a residual like the output f32 [2,4,3,4], got f32 [2,6,5,4]");
  CHECK(error_of([&] { conv2d(arrays[0], arrays[1], arrays[2], {}, {.offset = arrays[2]}); }) ==
        "conv2d: output f32 [2,4,3,4] expects an offset f32 [2,4], got f32 [4]");
}

TEST_CASE("gradients of a weight that is used twice add up") {
  const Tensor x = random_tensor({1, 4, 4, 2}, DType::f64, 1);
  const Tensor weight = random_tensor({2, 3, 3, 2}, DType::f64, 2);
  check_gradients(
      [](In in) {
        return conv2d(conv2d(in[0], in[1], Tensor(), {.padding = 1}), in[1], Tensor(),
                      {.padding = 1});
      },
      {x, weight});
}

// Whole numbers: exact on the device; what the CPU chooses rounds where it is Winograd's form.
TEST_CASE("conv2d and its gradients on a device are those of the CPU") {
  const Tensor inputs[] = {random_integers({2, 6, 5, 3}, 4, DType::f32, 1),
                           random_integers({4, 3, 3, 3}, 4, DType::f32, 2),
                           random_integers({4}, 4, DType::f32, 3)};
  for (const std::int64_t stride : {1, 2}) {
    const auto results = [&](const Device& device) {
      std::vector<Tensor> in;
      for (const Tensor& x : inputs) in.push_back(x.to(device).clone().set_requires_grad());
      const Tensor y = conv2d(in[0], in[1], in[2], {.stride = stride, .padding = 1});
      y.backward(random_integers(y.shape(), 4, DType::f32, 4).to(device));
      return std::vector<Tensor>{y, in[0].grad(), in[1].grad(), in[2].grad()};
    };
    const auto got = results(test_device()), expected = results(Device{});
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].device() == test_device());
      CHECK_NORM_CLOSE(got[i], expected[i], 1e-6);
    }
  }
}

TEST_CASE("conv2d of images in bf16 with parameters in f32") {
  const std::vector<Tensor> inputs = {random_tensor({2, 6, 5, 3}, DType::f32, 1),
                                      random_tensor({4, 3, 3, 3}, DType::f32, 2),
                                      random_tensor({4}, DType::f32, 3)};
  for (const std::int64_t stride : {1, 2}) {
    // The weights and the result are rounded.
    check_in_bf16(
        [=](In in) { return conv2d(in[0], in[1], in[2], {.stride = stride, .padding = 1}); },
        inputs, 1, 2);
  }
  if (test_device().is_cpu()) return;
  const Tensor x = on_device(inputs[0].to(DType::bf16)),
               weight = on_device(inputs[1].to(DType::bf16));
  CHECK(error_of([&] { conv2d(x, weight, Tensor()); }) ==
        "conv2d: input bf16 on " + test_device().str() + " expects weight f32 there, got bf16 on " +
            test_device().str());
}

TEST_CASE("every variant on a device takes images and weights that begin anywhere") {
  if (test_device().is_cpu()) return;
  const std::vector<Tensor> inputs = {random_tensor({1, 5, 9, 8}, DType::f32, 1),
                                      random_tensor({8, 3, 3, 8}, DType::f32, 2),
                                      random_tensor({8}, DType::f32, 3)};
  using kernels::Conv2dVariant;
  for (const auto& known : kernels::conv2d_variants()) {
    if (!known.on_gpu) continue;
    INFO(known.name);
    const auto f = [&](In in) {  // forward, and backward soon after it; the CPU's has others
      const bool here = in[0].device().is_cpu();
      kernels::set_conv2d_variant(here ? Conv2dVariant::automatic : known.variant);
      return conv2d(in[0], in[1], in[2], {.padding = 1});
    };
    check_on_device(f, inputs, 1e-3);  // some round to tf32
    check_in_bf16(f, inputs, 1, 2);
  }
  kernels::set_conv2d_variant(Conv2dVariant::automatic);
}

TEST_CASE("under the precision bf16 conv2d on a device stores bf16, whatever it is given") {
  const Tensor x = random_tensor({2, 6, 5, 3}), weight = random_tensor({4, 3, 3, 3});
  const auto run = [&](const Device& device) {
    std::vector<Tensor> in;
    for (const Tensor& t : {x, weight}) in.push_back(t.to(device).clone().set_requires_grad());
    const Tensor y = conv2d(in[0], in[1], Tensor());
    y.backward(random_tensor(y.shape(), y.dtype(), 4).to(device));
    return std::vector<Tensor>{y, in[0].grad(), in[1].grad()};
  };
  const auto exact = run(Device{});
  kernels::set_precision(kernels::Precision::bf16);
  const auto here = run(test_device()), on_cpu = run(Device{});
  kernels::set_precision(kernels::Precision::tf32);
  CHECK_SAME(on_cpu[0], exact[0]);
  CHECK(here[0].dtype() == (test_device().is_cpu() ? DType::f32 : DType::bf16));
  CHECK(here[1].dtype() == DType::f32);
  CHECK(here[2].dtype() == DType::f32);
  if (test_device().is_cpu()) return;
  // Images, weights and results are rounded; so is the cotangent.
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK_NORM_CLOSE(here[i], exact[i], norm_rounding(DType::bf16, 1, 3));
    CHECK(norm_difference(here[i], exact[i], 1e-4) != "");
  }
}

TEST_CASE("layers take the variant that is set") {
  const Tensor x = random_tensor({1, 4, 4, 2}), weight = random_tensor({2, 3, 3, 2});
  kernels::set_conv2d_variant(kernels::Conv2dVariant::tensor_core);
  const std::string error = error_of([&] { conv2d(x, weight, Tensor()); });
  kernels::set_conv2d_variant(kernels::Conv2dVariant::automatic);
  CHECK(error == "conv2d: cpu has the variants direct, winograd, asked for tensor_core");
  CHECK(error_of([&] { conv2d(x, weight, Tensor()); }).empty());
}

TEST_CASE("what a variant does not have is left to the automatic one") {
  if (!test_device().is_cpu()) return;
  const Tensor x = random_tensor({1, 4, 4, 2});
  const Tensor small = random_tensor({2, 1, 1, 2}), weight = random_tensor({2, 3, 3, 2});
  const Tensor direct = conv2d(x, small, Tensor()), sums = conv2d(x, weight, Tensor());
  kernels::set_conv2d_variant(kernels::Conv2dVariant::winograd);
  const Tensor also_direct = conv2d(x, small, Tensor()), transformed = conv2d(x, weight, Tensor());
  kernels::set_conv2d_variant(kernels::Conv2dVariant::automatic);
  CHECK_SAME(also_direct, direct);
  CHECK(!norm_difference(transformed, sums, 0).empty());  // rounded otherwise
}

TEST_CASE("conv2d says what does not fit") {
  const Tensor x = Tensor::zeros({8, 32, 32, 3}), weight = Tensor::zeros({64, 3, 3, 16});
  CHECK(error_of([&] { conv2d(x, weight, Tensor()); }) ==
        "conv2d: weight [64,3,3,16] expects 16 input channels, input [8,32,32,3] has 3");
  const Tensor fitting = Tensor::zeros({64, 3, 3, 3});
  CHECK(error_of([&] { conv2d(x, fitting, Tensor::zeros({63})); }) ==
        "conv2d: weight [64,3,3,3] expects a bias [64], got [63]");
  CHECK(error_of([&] { conv2d(x, fitting, Tensor(), {.stride = 0}); }) ==
        "conv2d: expected a stride of at least 1 and a padding of at least 0, got 0 and 0");
  CHECK(error_of([&] {
          conv2d(Tensor::zeros({1, 2, 5, 3}), fitting, Tensor());
        }) ==
        "conv2d: input [1,2,5,3] with padding 0 is smaller than the kernel of weight [64,3,3,3]");
  CHECK(error_of([&] {
          conv2d(Tensor::zeros({2, 5, 3}), fitting, Tensor());
        }) == "conv2d: expected an input [N,H,W,C], got [2,5,3]");
  CHECK(error_of([&] { conv2d(x, fitting.to(DType::f64), Tensor()); }) ==
        "conv2d: input f32 on cpu expects weight f32 there, got f64 on cpu");
}
