// SPDX-License-Identifier: MIT
// UNet of arXiv:2501.12739, as in diffusion models (Ho, Jain, Abbeel 2020), with attention in the
// middle. Parameter names are those of the paper's public reference code.
#pragma once

#include <optional>
#include <vector>

#include "models/time_embedding.h"

namespace telescope {

struct UNetOptions {
  std::int64_t in_channels = 3, out_channels = 3;
  std::int64_t model_channels = 32;
  std::vector<std::int64_t> multipliers = {1, 2, 4};  ///< of model_channels, level by level
  std::int64_t res_blocks = 1;                        ///< per level
  double dropout = 0.5;
  std::int64_t groups = 16;  ///< of every group norm
  std::int64_t heads = 1;    ///< of the attention
  double eps = 1e-5;
};

/// y = UNet(x; t): x [N,H,W,in] of any size, t [N], y [N,H,W,out].
///
/// Down: a 3x3 convolution, then level by level `res_blocks` residual blocks and a 3x3 convolution
/// of stride 2; all outputs are kept. Middle: residual block, attention of every pixel to every
/// other, residual block. Up: level by level res_blocks + 1 residual blocks, each on its input side
/// by side with what was kept last; nearest interpolation to the next level's size and a 3x3
/// convolution. Then group norm, SiLU, 3x3 convolution.
///
/// A residual block is skip(x) + conv(dropout(silu(norm(conv(silu(norm(x))) + linear(silu(e(t)))))))
/// with a 1x1 convolution as skip where channels change. The last convolution of each block, of the
/// attention and of the network starts at zero. A level has half the extents of the one above,
/// rounded up, so that odd sizes work where the reference code refuses them; where the size is a
/// multiple of 2^(levels - 1), both compute the same.
/// In training mode dropout needs a RandomScope around the forward pass (layers/dropout.h).
/// Error unless `groups` divides model_channels (times each multiplier), model_channels is even and
/// `heads` divides the channels of the middle.
class UNet : public Module {
 public:
  explicit UNet(const UNetOptions& options = {}, const Place& at = {});
  Tensor operator()(const Tensor& x, const Tensor& t) const;
  const UNetOptions& options() const { return options_; }

 private:
  /// `embedding` [N, 4 model_channels] is silu(e(t)).
  class ResBlock : public Module {
   public:
    ResBlock(const Place& at, std::int64_t in, std::int64_t out, const UNetOptions& options);
    Tensor operator()(const Tensor& x, const Tensor& embedding) const;

   private:
    GroupNorm norm1_;
    Conv2d conv1_;
    Linear time_;
    GroupNorm norm2_;
    Dropout dropout_;
    Conv2d conv2_;
    std::optional<Conv2d> skip_;
  };

  /// A 1x1 convolution with a weight [out, in, 1], as PyTorch's Conv1d has.
  class PixelLinear : public Module {
   public:
    PixelLinear(const Place& at, std::int64_t in, std::int64_t out, double gain = 1);
    Tensor operator()(const Tensor& x, const Conv2dTerms& plus = {}) const;

   private:
    Tensor weight_, bias_;
  };

  /// x + proj_out(attention(qkv(norm(x)))).
  class AttentionBlock : public Module {
   public:
    AttentionBlock(const Place& at, std::int64_t channels, const UNetOptions& options);
    Tensor operator()(const Tensor& x) const;

   private:
    std::int64_t heads_;
    GroupNorm norm_;
    PixelLinear qkv_, out_;
  };

  /// One entry of input_blocks: a residual block, or a convolution alone.
  class Down : public Module {
   public:
    Down(const Place& at, std::int64_t in, std::int64_t out, const UNetOptions& options);
    Down(const Place& at, const std::string& name, std::int64_t in, std::int64_t out,
         std::int64_t stride);
    Tensor operator()(const Tensor& x, const Tensor& embedding) const;

   private:
    std::optional<ResBlock> block_;
    std::optional<Conv2d> convolution_;
  };

  /// One entry of output_blocks: a residual block, at the end of a level also the way up.
  class Up : public Module {
   public:
    Up(const Place& at, std::int64_t in, std::int64_t out, const UNetOptions& options, bool rises);
    /// x rises to the size of `above`.
    Tensor operator()(const Tensor& x, const Tensor& embedding, const Tensor& above) const;

   private:
    ResBlock block_;
    std::optional<Conv2d> convolution_;
  };

  UNetOptions options_;
  TimestepEmbedding time_embedding_;
  ModuleList<Down> down_;
  ResBlock middle1_;
  AttentionBlock attention_;
  ResBlock middle2_;
  ModuleList<Up> up_;
  GroupNorm norm_;
  Conv2d output_;
};

}  // namespace telescope
