// SPDX-License-Identifier: MIT
#include "layers/norm.h"

#include <utility>

#include "layers/pointwise.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("gradients of layer_norm") {
  using In = const std::vector<Tensor>&;
  const auto normalised = [](In in) { return layer_norm(in[0]); };
  check_gradients(normalised, {random_tensor({2, 3, 4, 5})});
  check_gradients(normalised, {random_tensor({3, 7})});
  check_gradients(normalised, {random_tensor({1, 70, 70, 1})});
  // eps counts where the variance is small
  check_gradients([](In in) { return layer_norm(in[0], 0.5); }, {random_tensor({2, 3, 3, 2})});
  check_gradients([](In in) { return layer_norm(in[0], 1e-5, LeakyRelu{0.2}); },
                  {random_tensor({2, 3, 4, 5})});
}

// Holds f against g, which computes the same, in values and gradients.
static void check_equal(const Function& f, const Function& g, const std::vector<Tensor>& inputs,
                        double tolerance) {
  const auto results = [&](const Function& function) {
    std::vector<Tensor> leaves, all;
    for (const Tensor& x : inputs) leaves.push_back(on_device(x).clone().set_requires_grad());
    all.push_back(function(leaves));
    all[0].backward(on_device(random_tensor(all[0].shape(), DType::f32, 77)));
    for (const Tensor& leaf : leaves) all.push_back(leaf.grad());
    return all;
  };
  const auto got = results(f), expected = results(g);
  for (std::size_t i = 0; i < got.size(); ++i) CHECK_NORM_CLOSE(got[i], expected[i], tolerance);
}

TEST_CASE("a norm that takes its activation along computes what both do one after the other") {
  using In = const std::vector<Tensor>&;
  const Tensor x = random_tensor({2, 9, 11, 6});
  check_equal([](In in) { return layer_norm(in[0], 1e-5, LeakyRelu{0.1}); },
              [](In in) { return leaky_relu(layer_norm(in[0]), 0.1); }, {x}, 1e-6);
  check_equal([](In in) { return group_norm(in[0], 3, in[1], in[2], 1e-5, Silu()); },
              [](In in) { return silu(group_norm(in[0], 3, in[1], in[2])); },
              {x, random_tensor({6}, DType::f32, 2), random_tensor({6}, DType::f32, 3)}, 1e-6);
}

TEST_CASE("layer_norm leaves its caller's tensor as it is, and writes over one that nobody has") {
  const Tensor x = on_device(random_tensor({2, 5, 7, 3})), before = x.clone();
  const Tensor y = layer_norm(x);
  CHECK_SAME(x, before);
  Tensor given = x.clone();
  const void* const there = given.raw();
  const Tensor in_place = layer_norm(std::move(given));
  CHECK(in_place.raw() == there);
  CHECK_SAME(in_place, y);
  // what an operation before it keeps for backward is somebody's
  check_gradients(
      [](const std::vector<Tensor>& in) { return layer_norm(layer_norm(in[0] + in[0])); },
      {random_tensor({2, 3, 4, 5})});
}

TEST_CASE("layer_norm on the test's device") {
  const auto normalised = [](const std::vector<Tensor>& in) { return layer_norm(in[0]); };
  for (const Shape shape : {Shape{3, 7}, Shape{2, 9, 11, 5}, Shape{2, 40, 41, 32}}) {
    check_on_device(normalised, {random_tensor(shape)});
    check_in_bf16(normalised, {random_tensor(shape)}, 1, 2);  // y, which backward reads, and dx
    const auto activated = [](const std::vector<Tensor>& in) {
      return layer_norm(in[0], 1e-5, LeakyRelu{0.2});
    };
    check_on_device(activated, {random_tensor(shape)});
    check_in_bf16(activated, {random_tensor(shape)}, 1, 2);
  }
}

TEST_CASE("gradients of group_norm") {
  using In = const std::vector<Tensor>&;
  const Tensor weight = random_tensor({6}, DType::f64, 2), bias = random_tensor({6}, DType::f64, 3);
  for (const std::int64_t groups : {1, 2, 3, 6}) {
    const auto normalised = [=](In in) { return group_norm(in[0], groups, in[1], in[2]); };
    check_gradients(normalised, {random_tensor({2, 3, 4, 6}), weight, bias});
    check_gradients(normalised, {random_tensor({2, 35, 6}), weight, bias});
  }
  check_gradients([](In in) { return group_norm(in[0], 2, in[1], in[2], 0.5); },
                  {random_tensor({1, 2, 2, 6}), weight, bias});
  check_gradients([](In in) { return group_norm(in[0], 2, in[1], in[2], 1e-5, Silu()); },
                  {random_tensor({2, 3, 4, 6}), weight, bias});
}

TEST_CASE("group_norm on the test's device") {
  for (const auto& [channels, groups] : {std::pair{6, 1}, {6, 3}, {6, 6}, {16, 1}, {16, 8}}) {
    INFO(channels << " channels in " << groups << " groups");
    using In = const std::vector<Tensor>&;
    const auto normalised = [groups = groups](In in) {
      return group_norm(in[0], groups, in[1], in[2]);
    };
    const auto activated = [groups = groups](In in) {
      return group_norm(in[0], groups, in[1], in[2], 1e-5, Silu());
    };
    const std::vector<Tensor> in = {random_tensor({2, 13, 11, channels}),
                                    random_tensor({channels}, DType::f32, 2),
                                    random_tensor({channels}, DType::f32, 3)};
    for (const Function& f : {Function(normalised), Function(activated)}) {
      check_on_device(f, in);
      check_in_bf16(f, in);
    }
  }
}

TEST_CASE("what group_norm refuses") {
  const Tensor x = Tensor::zeros({2, 3, 3, 6}), ones = Tensor::zeros({6}),
               five = Tensor::zeros({5});
  CHECK(error_of([&] {
          group_norm(Tensor::zeros({2, 6}), 2, ones, ones);
        }) == "group_norm: expected an input [N,H,W,C] or [N,T,C] with elements, got [2,6]");
  CHECK(error_of([&] { group_norm(x, 4, ones, ones); }) ==
        "group_norm: 4 groups do not divide the 6 channels of an input of shape [2,3,3,6]");
  CHECK(error_of([&] { group_norm(x, 2, ones, Tensor()); }) ==
        "group_norm: expected a weight and a bias for 6 channels");
  CHECK(error_of([&] { group_norm(x, 2, five, ones); }) ==
        "group_norm: input f32 [2,3,3,6] expects weight and bias f32 [6], got weight f32 [5] and "
        "bias f32 [6]");
}

TEST_CASE("what layer_norm refuses") {
  CHECK(error_of([] { layer_norm(Tensor::zeros({5})); }) ==
        "layer_norm: expected samples [N,...] with elements, got an input of shape [5]");
  CHECK(error_of([] {
          layer_norm(Tensor::zeros({2, 0, 3, 3}));
        }) ==
        "layer_norm: expected samples [N,...] with elements, got an input of shape [2,0,3,3]");
  CHECK(error_of([] {
          layer_norm(Tensor::zeros({2, 3}), 1e-5, LeakyRelu{0});
        }) == "layer_norm: expected a slope above 0 for its leaky ReLU, got 0");
}
