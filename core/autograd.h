// SPDX-License-Identifier: MIT
// The tape: what an operation does to become differentiable.
//
//   Tensor silu(const Tensor& x) {
//     Tensor y = Tensor::empty(x.shape(), x.dtype(), x.device());
//     kernels::silu(...);
//     return record("silu", y, {x}, [x = x.detach()](Tensor dy, Gradients& gradients) {
//       Tensor dx = in_place_or_fresh(dy);
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
  /// The sum of what others have given input i so far, for an operation whose kernel can add to it:
  /// it does, and gives it back. Undefined where there is none that is the tape's alone, and for a
  /// leaf; then the operation gives a fresh tensor.
  Tensor take(std::size_t i);

 private:
  friend class BackwardPass;
  Gradients(detail::Node& node, class BackwardPass& pass) : node_(node), pass_(pass) {}
  detail::Node& node_;
  BackwardPass& pass_;
};

/// dy comes by value: whoever takes it so may write over it, as in_place_or_fresh() allows.
using BackwardFunction = std::function<void(Tensor dy, Gradients& gradients)>;

/// Where the result of an elementwise operation on x may go: to x itself if this handle is all there
/// is to its elements, so that nobody will miss them; else to a fresh tensor alike.
///   Tensor norm(Tensor x) { const Tensor y = in_place_or_fresh(x); ...    // norm(conv(z)): in place
/// An operation that takes its input so keeps its callers' tensors as they are: their handles count.
Tensor in_place_or_fresh(Tensor& x);

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
