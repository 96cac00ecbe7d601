// SPDX-License-Identifier: MIT
// ResNet of arXiv:2501.12739: residual blocks at full resolution between two 1x1 convolutions.
// Parameter names are those of the paper's public reference code.
#pragma once

#include <optional>

#include "models/time_embedding.h"

namespace telescope {

struct ResNetOptions {
  std::int64_t in_channels = 3, out_channels = 3;
  std::int64_t hidden = 128;
  std::int64_t blocks = 2;
  bool time_embedding = true;
  std::int64_t time_hidden = 32;
  double negative_slope = 0.2;
  double eps = 1e-5;
};

/// y = Close(B_n(... B_1(Open(x)))), with B(x) = x + Conv2(leaky_relu(layer_norm(Conv1(x) +
/// e(t)))): Open, Close 1x1; Conv1, Conv2 3x3; layer norm over (H,W,C). Close starts at 1e-3 of the
/// usual scale. x [N,H,W,in] of any size, t [N] (undefined without time embedding), y [N,H,W,out].
class ResNet : public Module {
 public:
  explicit ResNet(const ResNetOptions& options = {}, const Place& at = {});
  Tensor operator()(const Tensor& x, const Tensor& t) const;
  const ResNetOptions& options() const { return options_; }

 private:
  class Block : public Module {
   public:
    Block(const Place& at, const ResNetOptions& options);
    Tensor operator()(const Tensor& x, const Tensor& t) const;

   private:
    ResNetOptions options_;
    Conv2d conv1_, conv2_;
    std::optional<TimeEmbedding> embedding_;
  };

  ResNetOptions options_;
  Conv2d open_;
  ModuleList<Block> blocks_;
  Conv2d close_;
};

}  // namespace telescope
