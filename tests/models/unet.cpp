// SPDX-License-Identifier: MIT
#include "models/unet.h"

#include "layers/dropout.h"
#include "layers/structure.h"
#include "models/networks.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {

// Two channels in a group, so that nothing is normalised away.
const UNetOptions tiny{.in_channels = 2,
                       .out_channels = 3,
                       .model_channels = 4,
                       .multipliers = {1, 2, 2},
                       .dropout = 0,
                       .groups = 2,
                       .heads = 2};

Tensor ids(std::vector<std::int64_t> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}

}  // namespace

TEST_CASE("the paper's network has the paper's number of parameters") {
  CHECK(UNet().parameter_count() == 2'537'187);
}

TEST_CASE("parameters come in the order of the reference code's state_dict, by its names") {
  const UNet net(tiny);
  const NamedTensors all = net.parameters();
  const auto name = [&](std::size_t i) { return all[i].name; };
  CHECK(name(0) == "time_embed.0.weight");
  CHECK(name(4) == "input_blocks.0.0.weight");
  CHECK(name(6) == "input_blocks.1.0.in_layers.0.weight");
  CHECK(name(10) == "input_blocks.1.0.emb_layers.1.weight");
  CHECK(name(16) == "input_blocks.2.0.op.weight");
  CHECK(name(all.size() - 1) == "out.2.bias");
  const auto shape_of = [&](std::string_view wanted) {
    for (const auto& [found, tensor] : all) {
      if (found == wanted) return tensor.shape().str();
    }
    return std::string("none");
  };
  CHECK(shape_of("middle_block.1.qkv.weight") == "[24,8,1]");
  CHECK(shape_of("input_blocks.3.0.skip_connection.weight") == "[8,1,1,4]");
  CHECK(shape_of("output_blocks.1.1.conv.weight") == "[8,3,3,8]");
  CHECK(shape_of("output_blocks.0.1.conv.weight") == "none");
  CHECK(shape_of("output_blocks.5.1.conv.weight") == "none");
}

TEST_CASE("a fresh network gives zero: its last convolution starts there, as each block's does") {
  UNet net(tiny);
  net.initialize(3);
  const Tensor y = net(random_tensor({1, 4, 4, 2}), random_tensor({1})).detach();
  CHECK_CLOSE(y, Tensor::zeros({1, 4, 4, 3}), (Tolerance{0, 0}));
  const auto largest = [&](std::string_view part) {
    double most = 0;
    for (const auto& [name, tensor] : net.parameters()) {
      if (name.find(part) == std::string::npos) continue;
      for (const float v : tensor.to_vector<float>()) most = std::max<double>(most, std::abs(v));
    }
    return most;
  };
  CHECK(largest("out_layers.3") == 0);
  CHECK(largest("proj_out") == 0);
  CHECK(largest("in_layers.2") > 0.1);
  CHECK(largest("qkv") > 0.1);
}

TEST_CASE("images of any size, one by one") {
  UNet net(tiny);
  shake(net, 0.5);
  for (const auto& [height, width] : {std::pair{1, 1}, {2, 3}, {5, 7}, {8, 4}, {6, 9}}) {
    INFO(height << "x" << width);
    const Tensor a = random_tensor({2, height, width, 2}), b = random_tensor({1, height, width, 2});
    const Tensor t = random_tensor({3});
    const Tensor joined = net(concat_rows({a, b}), t).detach();
    REQUIRE(joined.shape() == Shape{3, height, width, 3});
    CHECK_NORM_CLOSE(joined.rows(0, 2), net(a, t.rows(0, 2)).detach(), 1e-5);
    CHECK_NORM_CLOSE(joined.rows(2, 1), net(b, t.rows(2, 1)).detach(), 1e-5);
  }
}

TEST_CASE("gradients by every parameter and image, on even and odd sizes") {
  for (const auto& [height, width] : {std::pair{4, 8}, {3, 5}}) {
    INFO(height << "x" << width);
    UNet net(tiny);
    net.to(DType::f64);
    shake(net, 0.5);
    NamedTensors leaves = net.parameters();
    const Tensor x = random_tensor({2, height, width, 2}, DType::f64).set_requires_grad();
    const Tensor t = random_tensor({2}, DType::f64).set_requires_grad();
    leaves.push_back({"x", x});
    leaves.push_back({"t", t});
    check_gradients_of(leaves, [&] { return net(x, t); });
  }
}

TEST_CASE("dropout goes by step and sample in training, and is off in evaluation") {
  UNetOptions options = tiny;
  options.dropout = 0.5;
  UNet net(options);
  shake(net);
  const Tensor x = random_tensor({2, 4, 4, 2}), t = random_tensor({2});
  const auto at_step = [&](std::uint64_t step, const Tensor& images, const Tensor& times,
                           const Tensor& names) {
    const RandomScope scope({.seed = 1, .step = step, .sample_ids = names});
    return net(images, times).detach();
  };
  const Tensor first = at_step(0, x, t, ids({7, 8}));
  CHECK_SAME(at_step(0, x, t, ids({7, 8})), first);
  CHECK_FALSE(norm_difference(at_step(1, x, t, ids({7, 8})), first, 1e-2).empty());
  CHECK_FALSE(norm_difference(at_step(0, x, t, ids({8, 7})), first, 1e-2).empty());
  CHECK_NORM_CLOSE(at_step(0, x.rows(1, 1), t.rows(1, 1), ids({8})), first.rows(1, 1), 1e-5);
  CHECK(error_of([&] { net(x, t); }).find("needs a RandomScope") != std::string::npos);

  net.eval();
  UNet without(tiny);
  shake(without);
  CHECK_SAME(net(x, t).detach(), without(x, t).detach());
}

TEST_CASE("three training steps on the test's device give those of the CPU") {
  const auto make = [] {
    auto net = std::make_unique<UNet>(
        UNetOptions{.model_channels = 8, .multipliers = {1, 2}, .groups = 4});
    shake(*net);
    return net;
  };
  const auto forward = [](const Module& net, const Tensor& x, const Tensor& t) {
    const RandomScope scope({.seed = 1, .sample_ids = ids({3, 4}).to(x.device())});
    return dynamic_cast<const UNet&>(net)(x, t);
  };
  check_training(make, forward, {2, 7, 8, 3}, {2, 7, 8, 3});
}

TEST_CASE("what UNet refuses") {
  const UNet net(tiny);
  const Tensor x = Tensor::zeros({2, 4, 4, 2});
  CHECK(error_of([&] { net(x, {}); }) == "UNet: expected one time per image, shape [2], got none");
  CHECK(error_of([&] {
          net(Tensor::zeros({2, 4, 4, 3}), Tensor::zeros({2}));
        }) == "UNet: expected images [N,H,W,2], got [2,4,4,3]");
  CHECK(error_of([] { UNet(UNetOptions{.model_channels = 20}); }) ==
        "GroupNorm: 20 channels do not divide into 16 groups");
  CHECK(error_of([] { UNet(UNetOptions{.model_channels = 3, .groups = 3}); }) ==
        "UNet: expected an even number of channels of at least 2, got 3");
  CHECK(error_of([] { UNet(UNetOptions{.heads = 3}); }) ==
        "UNet: 3 heads do not divide the 128 channels of the middle");
  CHECK(error_of([] { UNet(UNetOptions{.multipliers = {}}); }) ==
        "UNet: expected at least one level and one residual block, got 0 and 1");
  CHECK(error_of([] {
          UNet(UNetOptions{.multipliers = {1, 0}});
        }) == "UNet: expected multipliers of at least 1, got 0");
  CHECK(error_of([] { UNet(UNetOptions{.dropout = 1}); }) ==
        "Dropout: expected a probability in [0, 1), got 1");
}
