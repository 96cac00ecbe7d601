// SPDX-License-Identifier: MIT
#include "golden/networks.h"

#include "layers/blur.h"
#include "layers/loss.h"
#include "layers/mix.h"
#include "layers/parameters.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"
#include "multilevel/estimator.h"

namespace telescope::test {

void set_parameters(Module& net, const NamedTensors& values) {
  net.to(values.front().tensor.dtype());
  net.to(values.front().tensor.device());
  const NamedTensors own = net.parameters();
  REQUIRE(own.size() == values.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    REQUIRE(own[i].name == values[i].name);
    own[i].tensor.copy_from(values[i].tensor);
  }
}

void check_parameter_gradients(Case& c, const Module& net) {
  for (const auto& [name, tensor] : net.parameters()) {
    c.check_gradient("param." + name, tensor.grad());
  }
}

Tensor from_values(const Case& c, const std::vector<double>& values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())}).to(c.dtype());
}

void check_network(Case& c, Module& net, const Forward& forward) {
  set_parameters(net, c.parameters());
  const Tensor x = c.input("x").set_requires_grad();
  const Tensor y = forward(x, c.has_input("t") ? c.input("t") : Tensor());
  const Tensor loss = mse_loss(y, c.input("target")).reshape({1});
  c.check("out.y", y);
  c.check("out.loss", loss);
  loss.backward(c.seed("out.loss"));
  c.check_gradient("in.x", x.grad());
  check_parameter_gradients(c, net);
}

namespace {

Restriction restriction_of(const Case& c) {
  return c.attrs()["restriction"] == "nearest" ? Restriction::injection : Restriction::mean;
}
Mesh finest_of(const Case& c) { return {c.attrs()["scale"] == 0.5 ? 1 : 0}; }

Samples samples_of(const Case& c, std::size_t level) {
  const auto input = [&](const std::string& name) {
    return c.input(name + "." + std::to_string(level));
  };
  const std::string task = c.attrs()["task"];
  if (task == "superresolution") return {input("lr"), input("hr"), {}, {}};
  const Tensor x = input("x"), z = input("z"), t = input("t");
  if (task == "denoising") return {mix(x, z, t), x, t, {}};
  const Tensor u = scale(t, 0.1);
  return {mix(z, gaussian_blur(x, c.attrs()["blur"]["sigma"][0]), u), x, u, {}};
}

// Of every level, on the finest mesh.
std::vector<Samples> levels_of(const Case& c) {
  std::vector<Samples> levels;
  for (std::size_t l = 0; l < c.attrs()["batches"].size(); ++l) {
    Samples s = samples_of(c, l);
    for (int i = 0; i < finest_of(c).level; ++i) s = restrict(s, restriction_of(c));
    levels.push_back(s);
  }
  return levels;
}

void check_losses(Case& c, const std::vector<MeshReport>& reports) {
  double total = 0;
  std::vector<double> fine, coarse, terms;
  for (const MeshReport& report : reports) {
    fine.push_back(report.loss);
    terms.push_back(report.difference);
    if (&report != &reports.back()) coarse.push_back(report.loss - report.difference);
    total += report.difference;
  }
  c.check("out.loss", from_values(c, {total}));
  c.check("out.loss_fine", from_values(c, fine));
  c.check("out.loss_coarse", from_values(c, coarse));
  c.check("out.terms", from_values(c, terms));
}

// Gradients of the difference of level l alone.
void check_term(Case& c, const Module& net, const SampleLoss& loss, std::size_t l) {
  const std::vector<Samples> levels = levels_of(c);
  Samples s = levels[l];
  for (std::size_t i = 0; i < l; ++i) s = restrict(s, restriction_of(c));
  mean(loss(s)).backward();
  if (l + 1 < levels.size()) scale(mean(loss(restrict(s, restriction_of(c)))), -1).backward();
  for (const auto& [name, tensor] : net.parameters()) {
    c.check_level_gradient(std::to_string(l) + ".param." + name, tensor.grad());
  }
}

}  // namespace

void check_multiscale(Case& c, Module& net, const SampleLoss& loss) {
  set_parameters(net, c.parameters());
  const ParameterBuffer parameters(net);
  const std::vector<Samples> levels = levels_of(c);
  const Estimator estimator(loss, {restriction_of(c)});
  for (const bool merged : {true, false}) {
    parameters.zero_gradients();
    check_losses(c, (merged ? estimator.merged(levels, finest_of(c), 0)
                            : estimator.paired(levels, finest_of(c), 0))
                        .reports());
    check_parameter_gradients(c, net);
  }
  if (!c.has_level_gradients()) return;
  for (std::size_t l = 0; l < levels.size(); ++l) {
    parameters.zero_gradients();
    check_term(c, net, loss, l);
  }
}

}  // namespace telescope::test
