// SPDX-License-Identifier: MIT
#include "models/espcn.h"

#include "layers/structure.h"
#include "models/networks.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("parameters of the published network") {
  for (const std::int64_t r : {2, 3, 4}) {
    const std::int64_t last = 3 * r * r;
    CHECK(ESPCN({.scale = r}).parameter_count() ==
          (64 * 3 * 25 + 64) + (32 * 64 * 9 + 32) + (last * 32 * 9 + last));
  }
  CHECK(ESPCN().parameters()[2].name == "conv2.weight");
}

TEST_CASE("images of any size become larger, one by one") {
  for (const std::int64_t r : {1, 2, 3, 4}) {
    const ESPCN net({.channels = 2, .scale = r});
    const Tensor a = random_tensor({2, 5, 3, 2}), b = random_tensor({1, 5, 3, 2});
    const Tensor joined = net(concat_rows({a, b})).detach();
    REQUIRE(joined.shape() == Shape{3, 5 * r, 3 * r, 2});
    CHECK_NORM_CLOSE(joined.rows(0, 2), net(a).detach(), 1e-6);
    CHECK_NORM_CLOSE(joined.rows(2, 1), net(b).detach(), 1e-6);
  }
}

TEST_CASE("gradients by every parameter and image") {
  ESPCN net({.channels = 1, .scale = 2});
  net.to(DType::f64);
  NamedTensors leaves = net.parameters();
  const Tensor x = random_tensor({2, 2, 3, 1}, DType::f64).set_requires_grad();
  leaves.push_back({"x", x});
  check_gradients_of(leaves, [&] { return net(x); });
}

TEST_CASE("three training steps on the test's device give those of the CPU") {
  check_training([] { return std::make_unique<ESPCN>(); },
                 [](const Module& net, const Tensor& x, const Tensor&) {
                   return dynamic_cast<const ESPCN&>(net)(x);
                 },
                 {1, 4, 3, 3}, {1, 8, 6, 3});
}

TEST_CASE("what ESPCN refuses") {
  CHECK(error_of([] {
          ESPCN()(Tensor::zeros({2, 4, 4, 2}));
        }) == "ESPCN: expected images [N,H,W,3], got [2,4,4,2]");
  CHECK(error_of([] { ESPCN({.scale = 0}); }) == "ESPCN: expected a scale of at least 1, got 0");
}
