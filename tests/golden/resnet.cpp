// SPDX-License-Identifier: MIT
// ResNet, its multiscale gradients and a training run, against the reference code.
#include "models/resnet.h"

#include "golden/networks.h"
#include "layers/learning_rate.h"
#include "layers/loss.h"
#include "layers/mix.h"
#include "layers/optimizer.h"
#include "layers/parameters.h"

using namespace telescope;
using namespace telescope::test;

namespace {
ResNetOptions options_of(const nlohmann::json& attrs) {
  return {.in_channels = attrs["in_channels"],
          .out_channels = attrs["out_channels"],
          .hidden = attrs["hid_channels"],
          .blocks = attrs["nlayers"],
          .time_embedding = attrs["time_embed"],
          .time_hidden = attrs["time_hidden"],
          .negative_slope = attrs["negative_slope"],
          .eps = attrs["eps"]};
}
}  // namespace

GOLDEN_MODEL("resnet") {
  ResNet net(options_of(c.attrs()));
  check_network(c, net, std::cref(net));
}

GOLDEN_MGE("resnet") {
  ResNet net(options_of(c.attrs()["model_attrs"]));
  check_multiscale(
      c, net, [&](const Samples& s) { return mse_per_sample(net(s.input, s.time), s.target); });
}

GOLDEN_TRAJECTORY("resnet") {
  ResNet net(options_of(c.attrs()["model_attrs"]));
  set_parameters(net, c.parameters());
  const ParameterBuffer parameters(net);
  const auto& o = c.attrs()["optimizer"];
  Adam adam(parameters.values(), parameters.gradients(),
            {.betas = {o["beta1"], o["beta2"]}, .eps = o["eps"]});
  const std::int64_t steps = c.attrs()["steps"];
  const auto rate = LearningRate::cosine(o["lr"], c.attrs()["scheduler"]["eta_min"],
                                         c.attrs()["scheduler"]["T_max"]);
  const Tensor x = c.input("x"), t = c.input("t"), noisy = mix(x, c.input("z"), t);

  std::vector<double> losses, rates;
  for (std::int64_t step = 0; step < steps; ++step) {
    parameters.zero_gradients();
    const Tensor loss = mse_loss(net(noisy, t), x);
    losses.push_back(loss.item());
    rates.push_back(rate.at(step));
    loss.backward();
    if (step == 0) check_parameter_gradients(c, net);
    adam.step(rate.at(step));
  }
  rates.push_back(rate.at(steps));
  c.check("out.loss", from_values(c, losses));
  c.check("out.lr", from_values(c, rates));
  c.check("out.final_loss", from_values(c, {mse_loss(net(noisy, t), x).item()}));
  for (const auto& [name, tensor] : net.parameters()) c.check("out.param." + name, tensor.detach());
  for (const auto& [moment, flat] : adam.state()) {
    for (const auto& [name, slice] : parameters.slices(flat)) {
      c.check("out." + moment + "." + name, slice);
    }
  }
}
