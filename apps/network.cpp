// SPDX-License-Identifier: MIT
#include "apps/network.h"

#include <algorithm>
#include <array>

#include "layers/pointwise.h"
#include "layers/transfer.h"
#include "models/espcn.h"
#include "models/resnet.h"
#include "models/srnet.h"
#include "models/unet.h"

namespace telescope::app {
namespace {

constexpr std::array<std::string_view, 4> names = {"resnet", "unet", "srnet", "espcn"};

constexpr std::int64_t kMostHidden = 65536;

struct Sizes {
  std::int64_t hidden, blocks;  // of the paper; 0: the network has no such choice
  std::int64_t hidden_step;     // hidden is a multiple of it
};

Sizes sizes_of(const RunOptions& o, bool enlarges) {
  if (o.model == "resnet") return enlarges ? Sizes{100, 9, 1} : Sizes{128, 2, 4};
  if (o.model == "unet") return {32, 1, 16};
  if (o.model == "srnet") return {64, 0, 1};
  return {0, 0, 1};
}

void choose(std::int64_t& value, std::int64_t usual, const char* option, const std::string& model) {
  TELESCOPE_CHECK(usual > 0 || value == 0, option, "{} has no such choice, got {}", model, value);
  if (value == 0) value = usual;
}

template <class Net, class Options, class Forward>
Network network(const Options& options, std::uint64_t seed, Forward forward) {
  auto net = std::make_unique<Net>(options);
  net->initialize(seed);
  Net* raw = net.get();
  return {std::move(net),
          [raw, forward](const Tensor& x, const Tensor& t) { return forward(*raw, x, t); }};
}

// y = U x + net(U x), U bilinear interpolation: as SRNet does.
Network enlarging_resnet(const ResNetOptions& options, std::int64_t scale, std::uint64_t seed) {
  return network<ResNet>(
      options, seed, [scale](const ResNet& net, const Tensor& x, const Tensor& t) {
        const Tensor up = interpolate(x, static_cast<double>(scale), Interpolation::bilinear);
        return up + net(up, t);
      });
}

}  // namespace

std::span<const std::string_view> model_names() { return names; }

void resolve_network(RunOptions& o) {
  const Task task(o.task, o.scale);
  const bool enlarges = task.scale() > 1;
  TELESCOPE_CHECK(std::find(names.begin(), names.end(), o.model) != names.end(), "--model",
                  "expected resnet, unet, srnet or espcn, got '{}'", o.model);
  const bool fits = enlarges ? o.model != "unet" : o.model == "resnet" || o.model == "unet";
  TELESCOPE_CHECK(fits, "--model", "expected {} for the task {}, got '{}'",
                  enlarges ? "srnet, espcn or resnet" : "resnet or unet", o.task, o.model);
  const Sizes usual = sizes_of(o, enlarges);
  choose(o.hidden, usual.hidden, "--hidden", o.model);
  choose(o.blocks, usual.blocks, "--blocks", o.model);
  TELESCOPE_CHECK(o.hidden == 0 || (o.hidden >= usual.hidden_step && o.hidden <= kMostHidden &&
                                    o.hidden % usual.hidden_step == 0),
                  "--hidden", "expected a multiple of {0} from {0} to {1}, got {2}",
                  usual.hidden_step, kMostHidden, o.hidden);
  TELESCOPE_CHECK(o.blocks >= (usual.blocks > 0) && o.blocks <= 10000, "--blocks",
                  "expected 1 to 10000, got {}", o.blocks);
  TELESCOPE_CHECK(o.dropout >= 0 && o.dropout < 1, "--dropout",
                  "expected a probability from 0 to below 1, got {}", o.dropout);
}

std::string network_description(const RunOptions& o) {
  std::string text = o.model;
  if (o.hidden) text += fmt::format(" with {} channels", o.hidden);
  if (o.blocks) text += fmt::format(" and {} block{}", o.blocks, o.blocks == 1 ? "" : "s");
  return text;
}

Network make_network(const RunOptions& o, std::uint64_t seed) {
  const std::int64_t scale = Task(o.task, o.scale).scale();
  if (o.model == "unet") {
    return network<UNet>(
        UNetOptions{.model_channels = o.hidden, .res_blocks = o.blocks, .dropout = o.dropout}, seed,
        [](const UNet& net, const Tensor& x, const Tensor& t) { return net(x, t); });
  }
  if (o.model == "srnet") {
    return network<SRNet>(SRNetOptions{.hidden = o.hidden, .scale = scale}, seed,
                          [](const SRNet& net, const Tensor& x, const Tensor&) { return net(x); });
  }
  if (o.model == "espcn") {
    return network<ESPCN>(ESPCNOptions{.scale = scale}, seed,
                          [](const ESPCN& net, const Tensor& x, const Tensor&) { return net(x); });
  }
  const ResNetOptions options{.hidden = o.hidden, .blocks = o.blocks, .time_embedding = scale == 1};
  if (scale > 1) return enlarging_resnet(options, scale, seed);
  return network<ResNet>(
      options, seed, [](const ResNet& net, const Tensor& x, const Tensor& t) { return net(x, t); });
}

}  // namespace telescope::app
