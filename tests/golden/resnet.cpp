// SPDX-License-Identifier: MIT
// ResNet, its time embedding, multiscale gradients and a training run, against the reference code.
#include "models/resnet.h"

#include <algorithm>

#include "golden/golden.h"
#include "layers/blur.h"
#include "layers/embedding.h"
#include "layers/learning_rate.h"
#include "layers/loss.h"
#include "layers/mix.h"
#include "layers/optimizer.h"
#include "layers/parameters.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"
#include "multilevel/estimator.h"

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

void set_parameters(Module& module, const NamedTensors& values) {
  module.to(values.front().tensor.dtype());
  module.to(values.front().tensor.device());
  const NamedTensors own = module.parameters();
  REQUIRE(own.size() == values.size());
  for (const NamedTensor& value : values) {
    const auto found = std::find_if(own.begin(), own.end(),
                                    [&](const NamedTensor& p) { return p.name == value.name; });
    REQUIRE_MESSAGE(found != own.end(), value.name);
    found->tensor.copy_from(value.tensor);
  }
}

void check_parameter_gradients(Case& c, const Module& module) {
  for (const auto& [name, tensor] : module.parameters()) {
    c.check_gradient("param." + name, tensor.grad());
  }
}

Tensor from_values(const std::vector<double>& values, DType dtype) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())}).to(dtype);
}

}  // namespace

GOLDEN_OP("timestep_embedding") {
  const std::int64_t dim = c.attrs()["dim"];
  Tensor y = sinusoidal_embedding(c.input("t"), dim / 2, false);
  if (dim % 2) {
    const std::int64_t n = y.extent(0);
    const Tensor padded = Tensor::zeros({n, dim}, y.dtype(), y.device());
    for (std::int64_t i = 0; i < n; ++i) {
      padded.rows(i, 1).reshape({dim}).rows(0, dim - 1).copy_from(y.rows(i, 1).reshape({dim - 1}));
    }
    y = padded;
  }
  c.check("out.y", y);
}

GOLDEN_OP("time_embedding") {
  TimeEmbedding net({}, c.attrs()["embed_dim"], c.attrs()["hidden_dim"]);
  NamedTensors values;
  for (const auto& p : net.parameters()) values.push_back({p.name, c.input(p.name)});
  set_parameters(net, values);
  const Tensor t = c.input("t").set_requires_grad();
  const Tensor y = net(t);
  c.check("out.y", y);
  y.backward(c.seed("out.y"));
  c.check_gradient("in.t", t.grad());
  for (const auto& [name, tensor] : net.parameters()) {
    c.check_gradient("in." + name, tensor.grad());
  }
}

GOLDEN_MODEL("resnet") {
  ResNet net(options_of(c.attrs()));
  set_parameters(net, c.parameters());
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor t = c.has_input("t") ? c.input("t") : Tensor();
  const Tensor y = net(x, t);
  const Tensor loss = mse_loss(y, c.input("target")).reshape({1});
  c.check("out.y", y);
  c.check("out.loss", loss);
  loss.backward(c.seed("out.loss"));
  c.check_gradient("in.x", x.grad());
  check_parameter_gradients(c, net);
}

namespace {

Samples samples_of(const Case& c, std::size_t level) {
  const std::string suffix = "." + std::to_string(level);
  const Tensor x = c.input("x" + suffix), z = c.input("z" + suffix), t = c.input("t" + suffix);
  if (c.attrs()["task"] == "denoising") return {mix(x, z, t), x, t, {}};
  const Tensor u = scale(t, 0.1);
  return {mix(z, gaussian_blur(x, c.attrs()["blur"]["sigma"][0]), u), x, u, {}};
}

}  // namespace

GOLDEN_MGE("resnet") {
  ResNet net(options_of(c.attrs()["model_attrs"]));
  set_parameters(net, c.parameters());
  const ParameterBuffer parameters(net);
  const SampleLoss loss = [&](const Samples& s) {
    return mse_per_sample(net(s.input, s.time), s.target);
  };
  const auto kind =
      c.attrs()["restriction"] == "nearest" ? Restriction::injection : Restriction::mean;
  const Mesh finest{c.attrs()["scale"] == 0.5 ? 1 : 0};
  std::vector<Samples> levels;
  for (std::size_t l = 0; l < c.attrs()["batches"].size(); ++l) {
    Samples s = samples_of(c, l);
    for (int i = 0; i < finest.level; ++i) s = restrict(s, kind);
    levels.push_back(s);
  }

  const Estimator estimator(loss, {kind});
  for (const bool merged : {true, false}) {
    parameters.zero_gradients();
    const auto reports =
        (merged ? estimator.merged(levels, finest, 0) : estimator.paired(levels, finest, 0))
            .reports();
    double total = 0;
    std::vector<double> fine, coarse, terms;
    for (const MeshReport& report : reports) {
      fine.push_back(report.loss);
      terms.push_back(report.difference);
      if (&report != &reports.back()) coarse.push_back(report.loss - report.difference);
      total += report.difference;
    }
    c.check("out.loss", from_values({total}, c.dtype()));
    c.check("out.loss_fine", from_values(fine, c.dtype()));
    c.check("out.loss_coarse", from_values(coarse, c.dtype()));
    c.check("out.terms", from_values(terms, c.dtype()));
    check_parameter_gradients(c, net);
  }

  if (!c.has_level_gradients()) return;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    parameters.zero_gradients();
    Samples s = levels[l];
    for (std::size_t i = 0; i < l; ++i) s = restrict(s, kind);
    mean(loss(s)).backward();
    if (l + 1 < levels.size()) scale(mean(loss(restrict(s, kind))), -1).backward();
    for (const auto& [name, tensor] : net.parameters()) {
      c.check_level_gradient(std::to_string(l) + ".param." + name, tensor.grad());
    }
  }
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
  c.check("out.loss", from_values(losses, c.dtype()));
  c.check("out.lr", from_values(rates, c.dtype()));
  c.check("out.final_loss", from_values({mse_loss(net(noisy, t), x).item()}, c.dtype()));
  for (const auto& [name, tensor] : net.parameters()) c.check("out.param." + name, tensor.detach());
  for (const auto& [moment, flat] : adam.state()) {
    for (const auto& [name, slice] : parameters.slices(flat)) {
      c.check("out." + moment + "." + name, slice);
    }
  }
}
