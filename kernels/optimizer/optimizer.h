// SPDX-License-Identifier: MIT
// One step of an optimizer over a flat buffer that holds all parameters, in one pass over memory.
//
// The formulas and the order of their operations are PyTorch's (torch.optim, single tensor). No
// fused multiply-add: the same bits on every instruction set.
#pragma once

#include <cstdint>

#include "core/device.h"

namespace telescope::kernels {

/// What changes from step to step. It is read through a pointer that the device can reach, when the
/// step runs, so that a captured CUDA graph can be replayed with new values.
struct OptimizerScalars {
  double learning_rate = 0;
  std::int64_t step = 1;    ///< number of this step, from 1
  std::int64_t halted = 0;  ///< 1: no step changes anything
};

/// Sets scalars->halted if one of x[n] is not finite, and leaves it as it is otherwise: a step whose
/// loss is not a number changes nothing, nor does any after it, and the host can be told later.
void halt_unless_finite(const Stream& stream, std::int64_t n, const double* x,
                        OptimizerScalars* scalars);

struct AdamOptions {
  double beta1 = 0.9, beta2 = 0.999, eps = 1e-8, weight_decay = 0;
  bool decoupled = false;  ///< decay as in AdamW
};

/// Adam (Kingma, Ba: "Adam: a method for stochastic optimization", ICLR 2015) and AdamW
/// (Loshchilov, Hutter: "Decoupled weight decay regularization", ICLR 2019), with k = step, all
/// arrays [n]:
///   g = grad + weight_decay param             (Adam)
///   param -= lr weight_decay param            (AdamW, then g = grad)
///   m += (1 - beta1) (g - m)
///   v = beta2 v + (1 - beta2) g^2
///   param -= lr / (1 - beta1^k) m / (sqrt(v) / sqrt(1 - beta2^k) + eps)
/// Updates param, m and v, unless halted; reads grad. m and v are zero before the first step.
template <class T>
void adam_step(const Stream& stream, std::int64_t n, const AdamOptions& options,
               const OptimizerScalars* scalars, const T* grad, T* param, T* m, T* v);

struct SgdOptions {
  double momentum = 0, dampening = 0, weight_decay = 0;
};

/// Gradient descent with momentum, all arrays [n]:
///   g = grad + weight_decay param
///   buffer = g on step 1, else momentum buffer + (1 - dampening) g
///   param -= lr buffer
/// Updates param and buffer, unless halted; reads grad. Before step 1 the buffer holds anything finite (it is
/// multiplied by 0). With momentum 0 the buffer is g, and may be null.
template <class T>
void sgd_momentum_step(const Stream& stream, std::int64_t n, const SgdOptions& options,
                       const OptimizerScalars* scalars, const T* grad, T* param, T* buffer);

/// grad *= min(1, max_norm / (||grad|| + 1e-6)), the norm over all n elements, as PyTorch's
/// clip_grad_norm_. A norm that is not finite leaves a gradient that is not finite. Nothing is
/// read back to the host; the norm is written to `norm` unless that is null.
template <class T>
void clip_norm(const Stream& stream, std::int64_t n, double max_norm, T* grad,
               double* norm = nullptr);

}  // namespace telescope::kernels
