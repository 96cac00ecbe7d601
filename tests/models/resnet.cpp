// SPDX-License-Identifier: MIT
#include "models/resnet.h"

#include "layers/reduce.h"
#include "layers/structure.h"
#include "models/networks.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {
const ResNetOptions tiny{
    .in_channels = 2, .out_channels = 3, .hidden = 8, .blocks = 2, .time_hidden = 4};
}

TEST_CASE("the paper's networks have the paper's numbers of parameters") {
  CHECK(ResNet().parameter_count() == 597'699);
  const ResNetOptions super_resolution{.hidden = 100, .blocks = 9, .time_embedding = false};
  CHECK(ResNet(super_resolution).parameter_count() == 1'622'503);
}

TEST_CASE("images of any size, one by one") {
  ResNet net(tiny);
  shake(net);
  for (const auto& [height, width] : {std::pair{1, 1}, {5, 3}, {8, 8}}) {
    const Tensor a = random_tensor({2, height, width, 2}), b = random_tensor({1, height, width, 2});
    const Tensor t = random_tensor({3});
    const Tensor joined = net(concat_rows({a, b}), t).detach();
    REQUIRE(joined.shape() == Shape{3, height, width, 3});
    CHECK_NORM_CLOSE(joined.rows(0, 2), net(a, t.rows(0, 2)).detach(), 1e-6);
    CHECK_NORM_CLOSE(joined.rows(2, 1), net(b, t.rows(2, 1)).detach(), 1e-6);
  }
}

TEST_CASE("gradients by every parameter, image and time") {
  for (const bool time : {true, false}) {
    ResNetOptions options = tiny;
    options.time_embedding = time;
    ResNet net(options);
    net.to(DType::f64);
    shake(net);
    NamedTensors leaves = net.parameters();
    const Tensor x = random_tensor({2, 4, 5, 2}, DType::f64).set_requires_grad();
    const Tensor t = random_tensor({2}, DType::f64).set_requires_grad();
    leaves.push_back({"x", x});
    if (time) leaves.push_back({"t", t});
    check_gradients_of(leaves, [&] { return net(x, time ? t : Tensor()); });
  }
}

TEST_CASE("a training step holds two arrays of features a block, and two more on the way back") {
  if (!test_device().is_cpu()) return;
  const ResNet net({.hidden = 32, .blocks = 4});
  const Tensor x = random_tensor({16, 64, 64, 3}), t = random_tensor({16});
  const auto step = [&] { sum(net(x, t)).backward(); };
  step();
  const std::int64_t features = 16 * 64 * 64 * 32 * std::int64_t{sizeof(float)};
  const std::int64_t before = memory_use().current;
  reset_peak_memory();
  step();
  // Kept are what each block begins with and what its second convolution reads; on the way back come
  // the gradient of a block's result and of what that convolution reads. Two more are room for what
  // kernels need while they run.
  CHECK(memory_use().peak - before <= (2 * 4 + 2 + 2) * features);
}

TEST_CASE("three training steps on the test's device give those of the CPU") {
  check_training([] { return std::make_unique<ResNet>(ResNetOptions{.hidden = 8, .blocks = 1}); },
                 [](const Module& net, const Tensor& x, const Tensor& t) {
                   return dynamic_cast<const ResNet&>(net)(x, t);
                 },
                 {2, 8, 8, 3}, {2, 8, 8, 3});
}

TEST_CASE("what ResNet refuses") {
  const ResNet net(tiny);
  const Tensor x = Tensor::zeros({2, 4, 4, 2});
  CHECK(error_of([&] { net(x, {}); }) ==
        "ResNet: expected one time per image, shape [2], got none");
  CHECK(error_of([&] { net(x, Tensor::zeros({3})); }) ==
        "ResNet: expected one time per image, shape [2], got [3]");
  CHECK(error_of([&] {
          net(Tensor::zeros({2, 4, 4, 3}), Tensor::zeros({2}));
        }) == "ResNet: expected images [N,H,W,2], got [2,4,4,3]");
  CHECK(error_of([] { ResNet(ResNetOptions{.blocks = 0}); }) ==
        "ResNet: expected at least one block, got 0");
  CHECK(error_of([] { ResNet(ResNetOptions{.hidden = 6}); }) ==
        "TimeEmbedding: half of the dimension must be even and at least 2, got dimension 6");
}
