// SPDX-License-Identifier: MIT
// How networks are told the time t of a sample, its share of noise.
#pragma once

#include "layers/modules.h"

namespace telescope {

/// ResNet's: embeds times t [N] as [N, dim]: sin(t f), cos(t f), fc3(relu(fc2(relu(fc1(t))))) with
/// q = floor(floor(dim/2)/2) frequencies f_j = 10000^(-j/q). Differentiable in t.
class TimeEmbedding : public Module {
 public:
  /// Error unless dim is at least 4 and floor(dim/2) is even.
  TimeEmbedding(const Place& at, std::int64_t dim, std::int64_t hidden = 32);
  Tensor operator()(const Tensor& t) const;

 private:
  std::int64_t dim_;
  Linear fc1_, fc2_, fc3_;
};

/// UNet's: embeds times t [N] as [N, 4 dim]: layer 2 (silu(layer 0 (cos(t f), sin(t f)))), two
/// linear layers over dim/2 frequencies f_j = 10000^(-2j/dim). Ho, Jain, Abbeel 2020.
class TimestepEmbedding : public Module {
 public:
  /// Error unless dim is even and at least 2.
  TimestepEmbedding(const Place& at, std::int64_t dim);
  Tensor operator()(const Tensor& t) const;

 private:
  std::int64_t dim_;
  Linear first_, second_;
};

}  // namespace telescope
