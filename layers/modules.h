// SPDX-License-Identifier: MIT
// The modules that networks are made of. Parameters start as PyTorch's do.
#pragma once

#include <optional>

#include "layers/conv2d.h"
#include "layers/module.h"
#include "layers/norm.h"

namespace telescope {

/// y = conv2d(x, weight, bias), and further terms where they are given: x [N,H,W,in], weight
/// [out,kernel,kernel,in], bias [out]. Both start uniform within 1/sqrt(in kernel^2), times `gain`; at
/// zero with a gain of 0.
class Conv2d : public Module {
 public:
  struct Options {
    std::int64_t stride = 1;
    std::int64_t padding = -1;  ///< default: (kernel - 1) / 2, which keeps the size at stride 1
    bool bias = true;
    double gain = 1;
    std::optional<Initializer> initial_weight = {};  ///< another start for the weight
  };
  Conv2d(const Place& at, std::int64_t in, std::int64_t out, std::int64_t kernel,
         const Options& options);
  Conv2d(const Place& at, std::int64_t in, std::int64_t out, std::int64_t kernel)
      : Conv2d(at, in, out, kernel, Options()) {}

  Tensor operator()(const Tensor& x, const Conv2dTerms& plus = {}) const {
    return conv2d(x, weight, bias, options_, plus);
  }

  Tensor weight, bias;

 private:
  Conv2dOptions options_;
};

/// y = x weight^T + bias: x [N,in], weight [out,in], bias [out]; both start uniform within
/// 1/sqrt(in).
class Linear : public Module {
 public:
  Linear(const Place& at, std::int64_t in, std::int64_t out);
  Tensor operator()(const Tensor& x) const;

  Tensor weight, bias;
};

/// Group normalisation with a weight (starts at 1) and a bias (starts at 0) per channel, and SiLU after
/// it where that is asked for.
class GroupNorm : public Module {
 public:
  GroupNorm(const Place& at, std::int64_t groups, std::int64_t channels, double eps = 1e-5);
  Tensor operator()(const Tensor& x, std::optional<Silu> activation = {}) const;

  Tensor weight, bias;

 private:
  std::int64_t groups_;
  double eps_;
};

/// Dropout in training mode, nothing in evaluation. Its masks come from the RandomScope around the
/// forward pass (layers/dropout.h).
class Dropout : public Module {
 public:
  Dropout(const Place& at, double probability);
  Tensor operator()(Tensor x) const;

 private:
  double probability_;
};

}  // namespace telescope
