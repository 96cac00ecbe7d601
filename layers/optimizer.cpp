// SPDX-License-Identifier: MIT
#include "layers/optimizer.h"

#include <cmath>
#include <cstddef>
#include <cstring>

#include "kernels/optimizer/optimizer.h"

namespace telescope {

Optimizer::Optimizer(std::string_view name, Tensor values, Tensor gradients)
    : values_(std::move(values)), gradients_(std::move(gradients)) {
  TELESCOPE_CHECK(values_.defined() && gradients_.defined(), name,
                  "expected values and gradients, got an undefined tensor");
  TELESCOPE_CHECK(values_.shape() == gradients_.shape() && values_.dtype() == gradients_.dtype() &&
                      values_.device() == gradients_.device(),
                  name, "expected values and gradients alike, got {} {} on {} and {} {} on {}",
                  name_of(values_.dtype()), values_.shape(), values_.device().str(),
                  name_of(gradients_.dtype()), gradients_.shape(), gradients_.device().str());
  dispatch_float(values_.dtype(), name, []<class T>() {});
  host_scalars_ = Tensor::zeros({sizeof(kernels::OptimizerScalars)}, DType::u8);
  scalars_ = host_scalars_.to(values_.device());
}

void Optimizer::step(double learning_rate) {
  prepare_step(learning_rate);
  apply_step();
}

void Optimizer::prepare_step(double learning_rate) {
  TELESCOPE_CHECK(std::isfinite(learning_rate) && learning_rate >= 0, name(),
                  "expected a learning rate of 0 or more, got {}", learning_rate);
  const kernels::OptimizerScalars scalars{learning_rate, ++steps_};
  constexpr std::int64_t bytes = offsetof(kernels::OptimizerScalars, halted);  // that stays
  std::memcpy(host_scalars_.raw(), &scalars, bytes);
  if (!scalars_.device().is_cpu()) scalars_.rows(0, bytes).copy_from(host_scalars_.rows(0, bytes));
}

kernels::OptimizerScalars* Optimizer::scalars() const {
  return reinterpret_cast<kernels::OptimizerScalars*>(scalars_.raw());
}

void Optimizer::halt_unless_finite(const Tensor& x) {
  TELESCOPE_CHECK(x.device() == values_.device(), name(), "expected a tensor on {}, got one on {}",
                  values_.device().str(), x.device().str());
  kernels::halt_unless_finite(x.stream(), x.numel(), x.data<double>(), scalars());
}

void Optimizer::set_steps(std::int64_t steps) {
  TELESCOPE_CHECK(steps >= 0, name(), "expected a number of steps of 0 or more, got {}", steps);
  steps_ = steps;
  scalars_.fill_zero();
}

void Optimizer::clip_gradients(double max_norm) {
  TELESCOPE_CHECK(max_norm >= 0, name(), "expected a norm of 0 or more, got {}", max_norm);
  dispatch_float(values_.dtype(), name(), [&]<class T>() {
    kernels::clip_norm(values_.stream(), values_.numel(), max_norm, gradients_.data<T>());
  });
}

namespace {
Tensor zeros_like(const Tensor& x) { return Tensor::zeros(x.shape(), x.dtype(), x.device()); }

void check_at_least_zero(std::string_view name, std::string_view option, double value) {
  TELESCOPE_CHECK(value >= 0, name, "expected {} of 0 or more, got {}", option, value);
}
}  // namespace

Adam::Adam(Tensor values, Tensor gradients, const AdamOptions& options)
    : Adam("adam", std::move(values), std::move(gradients), options) {}

Adam::Adam(std::string_view name, Tensor values, Tensor gradients, const AdamOptions& options)
    : Optimizer(name, std::move(values), std::move(gradients)),
      options_(options),
      decoupled_(name == "adamw"),
      exp_avg_(zeros_like(values_)),
      exp_avg_sq_(zeros_like(values_)) {
  for (const double beta : options.betas) {
    TELESCOPE_CHECK(beta >= 0 && beta < 1, name, "expected betas in [0, 1), got {}", beta);
  }
  check_at_least_zero(name, "eps", options.eps);
  check_at_least_zero(name, "weight_decay", options.weight_decay);
}

NamedTensors Adam::state() const { return {{"exp_avg", exp_avg_}, {"exp_avg_sq", exp_avg_sq_}}; }

void Adam::apply() {
  const kernels::AdamOptions options{options_.betas[0], options_.betas[1], options_.eps,
                                     options_.weight_decay, decoupled_};
  dispatch_float(values_.dtype(), name(), [&]<class T>() {
    kernels::adam_step(values_.stream(), values_.numel(), options, scalars(), gradients_.data<T>(),
                       values_.data<T>(), exp_avg_.data<T>(), exp_avg_sq_.data<T>());
  });
}

AdamW::AdamW(Tensor values, Tensor gradients, const AdamWOptions& options)
    : Adam("adamw", std::move(values), std::move(gradients),
           {options.betas, options.eps, options.weight_decay}) {}

Sgd::Sgd(Tensor values, Tensor gradients, const SgdOptions& options)
    : Optimizer("sgd", std::move(values), std::move(gradients)), options_(options) {
  check_at_least_zero("sgd", "momentum", options.momentum);
  check_at_least_zero("sgd", "dampening", options.dampening);
  check_at_least_zero("sgd", "weight_decay", options.weight_decay);
  if (options.momentum != 0) momentum_buffer_ = zeros_like(values_);
}

NamedTensors Sgd::state() const {
  if (!momentum_buffer_.defined()) return {};
  return {{"momentum_buffer", momentum_buffer_}};
}

void Sgd::apply() {
  const kernels::SgdOptions options{options_.momentum, options_.dampening, options_.weight_decay};
  dispatch_float(values_.dtype(), name(), [&]<class T>() {
    kernels::sgd_momentum_step(values_.stream(), values_.numel(), options, scalars(),
                               gradients_.data<T>(), values_.data<T>(),
                               momentum_buffer_.defined() ? momentum_buffer_.data<T>() : nullptr);
  });
}

std::unique_ptr<Optimizer> make_optimizer(std::string_view name, Tensor values, Tensor gradients) {
  if (name == "adam") return std::make_unique<Adam>(std::move(values), std::move(gradients));
  if (name == "adamw") return std::make_unique<AdamW>(std::move(values), std::move(gradients));
  if (name == "sgd") {
    const SgdOptions options{.momentum = 0.9};
    return std::make_unique<Sgd>(std::move(values), std::move(gradients), options);
  }
  raise("optimizer", "expected adam, adamw or sgd, got \"{}\"", name);
}

}  // namespace telescope
