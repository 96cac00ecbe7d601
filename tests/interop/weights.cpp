// SPDX-License-Identifier: MIT
// The side of Telescope in weights.py: weights and results of every network, to and from PyTorch.
//   interop_weights write DIR    DIR/NAME.safetensors: weights as a PyTorch state_dict has them;
//                                DIR/NAME.case.safetensors: input x [N,C,H,W], times t, output y
//   interop_weights read DIR     loads such files and says how far its own output is from y
#include <cmath>
#include <filesystem>
#include <functional>
#include <memory>

#include "core/autograd.h"
#include "core/safetensors.h"
#include "layers/parameters.h"
#include "layers/random.h"
#include "models/espcn.h"
#include "models/resnet.h"
#include "models/srnet.h"
#include "models/unet.h"

using namespace telescope;
namespace fs = std::filesystem;

namespace {

struct Network {
  std::string name;
  std::unique_ptr<Module> module;
  std::function<Tensor(const Tensor& x, const Tensor& t)> forward;
  Shape input;
};

template <class Net, class Options>
Network make(std::string name, const Options& options, const Shape& input) {
  auto net = std::make_unique<Net>(options);
  const Net* self = net.get();
  const auto forward = [self](const Tensor& x, const Tensor& t) {
    if constexpr (std::is_invocable_v<const Net&, const Tensor&>) {
      return (*self)(x);
    } else {
      return (*self)(x, t);
    }
  };
  net->eval();
  return {std::move(name), std::move(net), forward, input};
}

// Those of weights.py, by the same names.
std::vector<Network> networks() {
  std::vector<Network> all;
  all.push_back(make<ResNet>("resnet", ResNetOptions{}, {2, 9, 7, 3}));
  const ResNetOptions super_resolution{.hidden = 100, .blocks = 9, .time_embedding = false};
  all.push_back(make<ResNet>("resnet_without_time", super_resolution, {1, 8, 8, 3}));
  all.push_back(make<UNet>("unet", UNetOptions{}, {2, 16, 12, 3}));
  const UNetOptions heads{.model_channels = 16, .multipliers = {1, 2}, .res_blocks = 2, .heads = 4};
  all.push_back(make<UNet>("unet_with_heads", heads, {1, 6, 4, 3}));
  all.push_back(make<SRNet>("srnet", SRNetOptions{}, {2, 7, 9, 3}));
  all.push_back(make<ESPCN>("espcn", ESPCNOptions{.scale = 3}, {2, 7, 9, 3}));
  return all;
}

// Moves all parameters off where they start: some start at zero.
void shake(const Module& module) {
  for (const auto& [name, tensor] : module.parameters()) {
    const Tensor noise = random_normal(tensor.shape(), RandomKey(2, name));
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      tensor.data<float>()[i] += 0.05f * noise.data<float>()[i];
    }
  }
}

void write(const Network& net, const fs::path& folder) {
  net.module->initialize(1);
  shake(*net.module);
  const Tensor x = random_normal(net.input, RandomKey(3, "x"));
  const Tensor t = random_uniform({net.input[0]}, RandomKey(3, "t"));
  write_safetensors(folder / (net.name + ".safetensors"),
                    to_pytorch_layout(net.module->parameters()));
  write_safetensors(folder / (net.name + ".case.safetensors"),
                    to_pytorch_layout({{"x", x}, {"t", t}, {"y", net.forward(x, t)}}));
}

// The largest error, as a share of the largest value.
double error_of(const Network& net, const fs::path& folder) {
  const fs::path weights = folder / (net.name + ".safetensors");
  load_pytorch_layout(net.module->parameters(), read_safetensors(weights).tensors,
                      weights.string());
  const fs::path file = folder / (net.name + ".case.safetensors");
  const Tensor x = Tensor::empty(net.input), t = Tensor::empty({net.input[0]});
  const Tensor expected = Tensor::empty(net.forward(Tensor::zeros(net.input), t).shape());
  load_pytorch_layout({{"x", x}, {"t", t}, {"y", expected}}, read_safetensors(file).tensors,
                      file.string());
  const Tensor y = net.forward(x, t);
  double error = 0, largest = 0;
  for (std::int64_t i = 0; i < y.numel(); ++i) {
    const double difference = y.data<float>()[i] - expected.data<float>()[i];
    error = std::max(error, std::isfinite(difference) ? std::abs(difference) : INFINITY);
    largest = std::max<double>(largest, std::abs(expected.data<float>()[i]));
  }
  return error / largest;
}

}  // namespace

int main(int argc, char** argv) try {
  const NoGradGuard no_gradients;
  const std::string action = argc == 3 ? argv[1] : "";
  TELESCOPE_CHECK(action == "write" || action == "read", "interop_weights",
                  "expected write DIR or read DIR");
  for (const Network& net : networks()) {
    if (action == "write") {
      write(net, argv[2]);
    } else {
      fmt::print("{} {}\n", net.name, error_of(net, argv[2]));
    }
  }
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 2;
}
