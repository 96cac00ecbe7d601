// SPDX-License-Identifier: MIT
#include "layers/module.h"

#include "layers/parameters.h"
#include "layers/pointwise.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

struct Affine : Module {
  Affine(const Place& at, std::int64_t n) : Module(at) {
    weight = parameter("weight", {n}, Initializer::uniform(0.5));
    bias = parameter("bias", {n}, Initializer::constant(0.25));
  }
  Tensor operator()(const Tensor& x) const { return x * weight + bias; }
  Tensor weight, bias;
};

struct Net : Module {
  Affine first{child("first"), 3};
  ModuleList<Affine> list{child("list")};
  Net() {
    list.add(3);
    list.add(3);
  }
  Tensor operator()(const Tensor& x) const {
    Tensor y = first(x);
    for (const auto& item : list) y = (*item)(y);
    return y;
  }
};

std::vector<std::string> names(const NamedTensors& tensors) {
  std::vector<std::string> all;
  for (const auto& t : tensors) all.push_back(t.name);
  return all;
}

}  // namespace

TEST_CASE("parameters have the names of a state_dict") {
  const Net net;
  CHECK(names(net.parameters()) == std::vector<std::string>{"first.weight", "first.bias",
                                                            "list.0.weight", "list.0.bias",
                                                            "list.1.weight", "list.1.bias"});
  CHECK(net.parameter_count() == 18);
}

TEST_CASE("a parameter's first value depends on the seed and its name alone") {
  Net a, b;
  a.initialize(1);
  b.initialize(1);
  CHECK_SAME(a.first.weight, b.first.weight);
  CHECK(!difference(a.first.weight, a.list[0].weight, {}).empty());
  b.initialize(2);
  CHECK(!difference(a.first.weight, b.first.weight, {}).empty());
  CHECK_SAME(a.first.bias, Tensor::full({3}, 0.25));
  for (const float w : a.first.weight.to_vector<float>()) CHECK(std::abs(w) <= 0.5f);
}

TEST_CASE("training mode and dtype reach the whole tree") {
  Net net;
  CHECK(net.list[1].training());
  net.eval();
  CHECK_FALSE(net.list[1].training());
  net.train();
  CHECK(net.list[1].training());
  net.to(DType::f64);
  CHECK(net.list[1].weight.dtype() == DType::f64);
  CHECK_FALSE(net.mixes_samples());
}

TEST_CASE("a parameter buffer holds parameters and gradients of a network in one piece each") {
  Net net;
  net.initialize(3);
  const Tensor x = random_tensor({3});
  const Tensor before = net(x).detach().clone();
  const ParameterBuffer buffer(net);
  CHECK_SAME(net(x).detach(), before);
  CHECK(buffer.values().numel() == 6 * 16);  // every parameter at a multiple of 64 bytes

  buffer.zero_gradients();
  net(x).backward(Tensor::full({3}, 1));
  CHECK_SAME(net.first.bias.grad(), net.list[0].weight * net.list[1].weight);
  CHECK_SAME(buffer.slices(buffer.gradients())[1].tensor, net.first.bias.grad());
  buffer.values().fill_zero();
  CHECK_SAME(net(x).detach(), Tensor::zeros({3}));
}

TEST_CASE("PyTorch's layout and back") {
  const Tensor conv = random_tensor({4, 3, 2, 5}), vector = random_tensor({7});
  const NamedTensors out = to_pytorch_layout({{"conv", conv}, {"vector", vector}});
  REQUIRE(out[0].tensor.shape() == Shape{4, 5, 3, 2});
  CHECK(out[0].tensor.data<float>()[1] == conv.data<float>()[5]);  // the next kernel column
  const NamedTensors target{{"vector", Tensor::zeros({7})}, {"conv", Tensor::zeros({4, 3, 2, 5})}};
  load_pytorch_layout(target, out, "file");
  CHECK_SAME(target[1].tensor, conv);
  CHECK_SAME(target[0].tensor, vector);
}

TEST_CASE(
    "a mismatch lists what is missing, unexpected and of the wrong shape, and copies nothing") {
  const NamedTensors target{{"a", Tensor::zeros({2})}, {"b", Tensor::zeros({2})}};
  const NamedTensors source{{"a", Tensor::full({2}, 1)}, {"c", Tensor::zeros({2})}};
  CHECK(error_of([&] { load_pytorch_layout(target, source, "file.safetensors"); }) ==
        "file.safetensors: belongs to another network; missing: b; unexpected: c");
  CHECK(target[0].tensor.data<float>()[0] == 0);
  CHECK(error_of([&] {
          load_pytorch_layout({{"a", Tensor::zeros({3})}}, {{"a", Tensor::zeros({2})}}, "f");
        }) == "f: belongs to another network; wrong shape: a is [2], expected [3]");
  const Tensor x = Tensor::zeros({1});
  const NamedTensors several{{"a", x}, {"b", x}, {"c", x}, {"d", x}, {"e", x}, {"f", x}, {"g", x}};
  CHECK(error_of([&] {
          load_pytorch_layout(several, {{"g", Tensor::zeros({1, 1})}, {"z", x}}, "f");
        }) ==
        "f: belongs to another network; missing: a, b, c, d and 2 more; wrong shape: g is "
        "[1,1], expected [1]; unexpected: z");
}

TEST_CASE("parameters that live in a buffer are not converted away from it") {
  Net net;
  const ParameterBuffer buffer(net);
  CHECK(
      error_of([&] { net.to(DType::f64); }) ==
      "convert: the elements live in a buffer with others (ParameterBuffer); convert before that");
  net.to(DType::f32);  // which changes nothing
  CHECK(net.list[1].bias.grad().defined());
  CHECK(net.list[1].bias.dtype() == DType::f32);
  buffer.values().fill_zero();
  CHECK_SAME(net(random_tensor({3})).detach(), Tensor::zeros({3}));
}

TEST_CASE("a part that could not be made, or is gone, leaves the tree whole") {
  struct Picky : Module {
    Picky(const Place& at, bool good) : Module(at) {
      TELESCOPE_CHECK(good, "Picky", "not good");
      weight = parameter("weight", {1}, Initializer::constant(0));
    }
    Tensor weight;
  };
  struct Owner : Module {
    ModuleList<Picky> list{child("list")};
    std::unique_ptr<Picky> part = std::make_unique<Picky>(child("part"), true);
  } net;
  net.list.add(true);
  CHECK(error_of([&] { net.list.add(false); }) == "Picky: not good");
  net.list.add(true);
  CHECK(names(net.parameters()) ==
        std::vector<std::string>{"list.0.weight", "list.1.weight", "part.weight"});
  net.part.reset();
  CHECK(names(net.parameters()) == std::vector<std::string>{"list.0.weight", "list.1.weight"});
}

TEST_CASE("a name is given once") {
  struct Twins : Module {
    Affine a{child("part"), 3}, b{child("part"), 3};
  };
  CHECK(error_of([] { Twins(); }) == "Module: there are two parts named 'part'");
  struct Same : Module {
    Same() {
      parameter("w", {1}, Initializer::constant(0));
      parameter("w", {1}, Initializer::constant(0));
    }
  };
  CHECK(error_of([] { Same(); }) == "Module: there are two parameters named 'w'");
}

TEST_CASE("a network moves to a device, and is drawn, gathered, saved and loaded there") {
  struct Conv : Module {
    Tensor weight = parameter("weight", {2, 3, 3, 4}, Initializer::uniform(1));
    Tensor bias = parameter("bias", {2}, Initializer::constant(0.25));
  } net, reference;
  const Device sim{DeviceType::cuda_sim, 0};
  net.to(sim);
  CHECK(net.weight.device() == sim);
  net.initialize(7);
  reference.initialize(7);
  CHECK_SAME(net.weight, reference.weight);

  const ParameterBuffer buffer(net);
  CHECK(buffer.values().device() == sim);
  CHECK(net.weight.grad().device() == sim);
  CHECK_SAME(net.weight, reference.weight);
  CHECK_SAME(net.bias, reference.bias);

  const NamedTensors saved = to_pytorch_layout(net.parameters());
  const NamedTensors expected = to_pytorch_layout(reference.parameters());
  for (std::size_t i = 0; i < saved.size(); ++i) {
    CHECK(saved[i].tensor.device().is_cpu());
    CHECK_SAME(saved[i].tensor, expected[i].tensor);
  }
  buffer.values().fill_zero();
  load_pytorch_layout(net.parameters(), saved, "test");
  CHECK_SAME(net.weight, reference.weight);
  CHECK_SAME(net.bias, reference.bias);
  CHECK(net.weight.storage() == buffer.values().storage());
}

TEST_CASE("a buffer takes parameters of one device") {
  struct Two : Module {
    Tensor a = parameter("a", {2}, {}), b = parameter("b", {2}, {});
  } net;
  net.b.move_to({DeviceType::cuda_sim, 0});
  CHECK(error_of([&] { ParameterBuffer buffer(net); }) ==
        "ParameterBuffer: b is on cuda-sim, expected cpu");
}
