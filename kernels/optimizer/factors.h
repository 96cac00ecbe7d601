// SPDX-License-Identifier: MIT
// The options and scalars of one step, worked out in double and rounded once: the same on every
// device. Not for use outside this folder.
#pragma once

#include <cmath>

#include "kernels/host_device.h"
#include "kernels/optimizer/optimizer.h"

namespace telescope::kernels {

template <class T>
struct AdamFactors {
  T grad_decay, param_factor, one_minus_beta1, beta2, one_minus_beta2, step_size, correction, eps;
};
template <class T>
struct SgdFactors {
  T weight_decay, momentum, fresh, learning_rate;
};

template <class T>
TELESCOPE_HOST_DEVICE AdamFactors<T> adam_factors(const AdamOptions& options,
                                                  const OptimizerScalars& scalars) {
  const double lr = scalars.learning_rate;
  const auto step = static_cast<double>(scalars.step);
  const double correction1 = 1 - std::pow(options.beta1, step);
  const double correction2 = 1 - std::pow(options.beta2, step);
  return {.grad_decay = static_cast<T>(options.decoupled ? 0 : options.weight_decay),
          .param_factor = static_cast<T>(options.decoupled ? 1 - lr * options.weight_decay : 1),
          .one_minus_beta1 = static_cast<T>(1 - options.beta1),
          .beta2 = static_cast<T>(options.beta2),
          .one_minus_beta2 = static_cast<T>(1 - options.beta2),
          .step_size = static_cast<T>(lr / correction1),
          .correction = static_cast<T>(std::sqrt(correction2)),
          .eps = static_cast<T>(options.eps)};
}

template <class T>
TELESCOPE_HOST_DEVICE SgdFactors<T> sgd_factors(const SgdOptions& options,
                                                const OptimizerScalars& scalars) {
  const bool first = scalars.step <= 1;
  return {.weight_decay = static_cast<T>(options.weight_decay),
          .momentum = static_cast<T>(first ? 0 : options.momentum),
          .fresh = static_cast<T>(first ? 1 : 1 - options.dampening),
          .learning_rate = static_cast<T>(scalars.learning_rate)};
}

}  // namespace telescope::kernels
