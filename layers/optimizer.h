// SPDX-License-Identifier: MIT
// Optimizers over the flat buffers that hold all parameters and all gradients of a model.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>

#include "core/tensor.h"

namespace telescope {

namespace kernels {
struct OptimizerScalars;
}

/// Changes `values` by `gradients` once a step(). Options bear PyTorch's names and defaults; the
/// learning rate is given anew to each step, by a LearningRate.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One step. Error if the learning rate is negative or not finite.
  void step(double learning_rate);
  /// step() in two halves, for a graph (core/graph.h): the first counts the step and writes its
  /// number and learning rate to where the device reads them; the second is work of the device
  /// alone, which may be recorded once and replayed after every prepare_step().
  void prepare_step(double learning_rate);
  void apply_step() { apply(); }
  /// If an element of x (f64, on the device of the values) is not finite, this step and all later
  /// ones change nothing, until set_steps(). Waits for nothing; belongs between the two halves.
  void halt_unless_finite(const Tensor& x);
  /// Steps taken so far; bias corrections depend on it, so a checkpoint holds it.
  std::int64_t steps() const { return steps_; }
  /// Goes on from a checkpoint, also where a halt had stopped it. Error if negative.
  void set_steps(std::int64_t steps);
  /// Sets all gradients to zero.
  void zero_grad() { gradients_.fill_zero(); }
  /// Scales all gradients down to a joint norm of at most `max_norm`, as PyTorch's clip_grad_norm_.
  void clip_gradients(double max_norm);

  /// "adam", "adamw" or "sgd".
  virtual std::string_view name() const = 0;
  /// What is carried from step to step, by PyTorch's names ("exp_avg", "exp_avg_sq",
  /// "momentum_buffer"), each of the shape of the values. The handles are the optimizer's own: a
  /// checkpoint is loaded by copying into them (and by set_steps).
  virtual NamedTensors state() const = 0;

 protected:
  /// Error unless both are of the same shape, dtype (f32 or f64) and device.
  Optimizer(std::string_view name, Tensor values, Tensor gradients);
  /// The step that scalars() tells of.
  virtual void apply() = 0;
  /// Learning rate and number of the step, in memory of the device.
  kernels::OptimizerScalars* scalars() const;

  Tensor values_, gradients_;

 private:
  std::int64_t steps_ = 0;
  Tensor host_scalars_, scalars_;  // u8, the bytes of OptimizerScalars; one tensor on the CPU
};

struct AdamOptions {
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8, weight_decay = 0;
};

/// Adam with bias correction (Kingma, Ba, ICLR 2015); weight decay adds to the gradient. Error if a
/// beta is outside [0, 1) or eps or the decay are negative.
class Adam : public Optimizer {
 public:
  Adam(Tensor values, Tensor gradients, const AdamOptions& options = {});
  std::string_view name() const override { return decoupled_ ? "adamw" : "adam"; }
  NamedTensors state() const override;

 protected:
  Adam(std::string_view name, Tensor values, Tensor gradients, const AdamOptions& options);
  void apply() override;

 private:
  AdamOptions options_;
  bool decoupled_;
  Tensor exp_avg_, exp_avg_sq_;
};

struct AdamWOptions {
  std::array<double, 2> betas = {0.9, 0.999};
  double eps = 1e-8, weight_decay = 1e-2;
};

/// Adam whose weight decay shrinks the parameters directly (Loshchilov, Hutter, ICLR 2019).
class AdamW : public Adam {
 public:
  AdamW(Tensor values, Tensor gradients, const AdamWOptions& options = {});
};

struct SgdOptions {
  double momentum = 0, dampening = 0, weight_decay = 0;
};

/// Stochastic gradient descent, with momentum if it is not 0. Error if an option is negative.
class Sgd : public Optimizer {
 public:
  Sgd(Tensor values, Tensor gradients, const SgdOptions& options = {});
  std::string_view name() const override { return "sgd"; }
  NamedTensors state() const override;

 protected:
  void apply() override;

 private:
  SgdOptions options_;
  Tensor momentum_buffer_;  // undefined without momentum
};

/// An optimizer with default options by its name: "adam", "adamw", "sgd" (with momentum 0.9).
/// Error that lists the names for any other.
std::unique_ptr<Optimizer> make_optimizer(std::string_view name, Tensor values, Tensor gradients);

}  // namespace telescope
