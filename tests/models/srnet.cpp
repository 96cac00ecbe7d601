// SPDX-License-Identifier: MIT
#include "models/srnet.h"

#include "layers/pointwise.h"
#include "layers/structure.h"
#include "layers/transfer.h"
#include "models/networks.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {
const SRNetOptions tiny{.channels = 2, .hidden = 5, .scale = 3};
}

TEST_CASE("the reference code's network has its number of parameters") {
  const SRNet net;
  CHECK(net.parameter_count() == 69'603);
  CHECK(net.parameters().front().name == "conv_layers.0.weight");
  CHECK(net.parameters().back().name == "output_conv.bias");
}

TEST_CASE("a fresh network is close to the interpolation it corrects") {
  SRNet net;
  net.initialize(4);
  net.parameters().back().tensor.fill_zero();  // the bias of the last convolution
  const Tensor low = random_tensor({1, 6, 5, 3});
  const Tensor high = net(low).detach();
  const Tensor upsampled = interpolate(low, 2, Interpolation::bilinear);
  REQUIRE(high.shape() == Shape{1, 12, 10, 3});
  CHECK_NORM_CLOSE(high, upsampled, 0.05);
  CHECK_FALSE(norm_difference(high, upsampled, 1e-4).empty());
  CHECK_SAME(high, (upsampled + net.residual(upsampled)).detach());
}

TEST_CASE("images of any size, one by one") {
  SRNet net(tiny);
  shake(net);
  for (const auto& [height, width] : {std::pair{1, 1}, {5, 3}}) {
    const Tensor a = random_tensor({2, height, width, 2}), b = random_tensor({1, height, width, 2});
    const Tensor joined = net(concat_rows({a, b})).detach();
    REQUIRE(joined.shape() == Shape{3, 3 * height, 3 * width, 2});
    CHECK_NORM_CLOSE(joined.rows(0, 2), net(a).detach(), 1e-6);
    CHECK_NORM_CLOSE(joined.rows(2, 1), net(b).detach(), 1e-6);
  }
}

TEST_CASE("gradients by every parameter and image") {
  SRNet net(tiny);
  net.to(DType::f64);
  shake(net);
  NamedTensors leaves = net.parameters();
  const Tensor x = random_tensor({2, 3, 2, 2}, DType::f64).set_requires_grad();
  leaves.push_back({"x", x});
  check_gradients_of(leaves, [&] { return net(x); });
}

TEST_CASE("three training steps on the test's device give those of the CPU") {
  check_training([] { return std::make_unique<SRNet>(SRNetOptions{.hidden = 8}); },
                 [](const Module& net, const Tensor& x, const Tensor&) {
                   return dynamic_cast<const SRNet&>(net)(x);
                 },
                 {2, 4, 3, 3}, {2, 8, 6, 3});
}

TEST_CASE("what SRNet refuses") {
  CHECK(error_of([] {
          SRNet()(Tensor::zeros({2, 4, 4, 2}));
        }) == "SRNet: expected images [N,H,W,3], got [2,4,4,2]");
  CHECK(error_of([] { SRNet().residual({}); }) == "SRNet: expected images [N,H,W,3], got none");
  CHECK(error_of([] { SRNet(SRNetOptions{.scale = 0}); }) ==
        "SRNet: expected a scale of at least 1, got 0");
}
