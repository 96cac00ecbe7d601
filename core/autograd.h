// SPDX-License-Identifier: MIT
// The tape: what an operation does to become differentiable.
//
//   Tensor silu(const Tensor& x) {
//     Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
//     kernels::silu(...);
//     return record("silu", y, {x}, [x = x.detach()](const Tensor& dy, Gradients& gradients) {
//       Tensor dx = Tensor::empty(...);
//       kernels::silu_backward(...);
//       gradients.give(0, std::move(dx));
//     });
//   }
//
// What a backward function keeps, it keeps detached: a tensor that held its own history would keep
// itself alive for ever.
#pragma once

#include <functional>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "core/tensor.h"

namespace telescope {

/// Where a backward function delivers the gradients of its inputs, numbered as in record().
class Gradients {
 public:
  /// Whether anybody needs the gradient of input i; skip the work if not.
  bool wants(std::size_t i) const;
  /// Delivers the gradient of input i, in the shape and dtype of the input. The tape owns it from
  /// then on and sums several.
  void give(std::size_t i, Tensor gradient);
  /// A tensor to add the gradient of input i to: for parameters, whose kernels accumulate. It is
  /// the leaf's own gradient where input i is a leaf, else a fresh tensor of zeros, given when the
  /// backward function returns.
  Tensor accumulator(std::size_t i);

 private:
  friend class BackwardPass;
  Gradients(detail::Node& node, class BackwardPass& pass) : node_(node), pass_(pass) {}
  detail::Node& node_;
  BackwardPass& pass_;
};

using BackwardFunction = std::function<void(const Tensor& dy, Gradients& gradients)>;

/// Puts an operation on the tape and returns `output` with its history, or `output` as it is if
/// no input requires a gradient or a NoGradGuard is alive. Undefined inputs are allowed.
/// `operation` must be a literal.
Tensor record(std::string_view operation, Tensor output, std::vector<Tensor> inputs,
              BackwardFunction backward);

/// Whether record() would record: an operation asks before it saves anything.
bool recording(std::initializer_list<Tensor> inputs);

/// While one is alive on this thread, nothing is recorded.
class NoGradGuard {
 public:
  NoGradGuard();
  ~NoGradGuard();
  NoGradGuard(const NoGradGuard&) = delete;
  NoGradGuard& operator=(const NoGradGuard&) = delete;

 private:
  bool before_;
};

/// y += x, elementwise and of the same shape and dtype: the one computation the tape itself needs.
void accumulate(const Tensor& y, const Tensor& x);

}  // namespace telescope
