// SPDX-License-Identifier: MIT
// SRNet, the super-resolution network of the public reference code of arXiv:2501.12739, where it is
// called SRParaConvNet; parameter names are those of that code.
#pragma once

#include "layers/modules.h"

namespace telescope {

struct SRNetOptions {
  std::int64_t channels = 3;
  std::int64_t hidden = 64;
  std::int64_t scale = 2;  ///< high resolution over low
  double negative_slope = 0.2;
  double eps = 1e-5;
};

/// y = U x + r(U x), U bilinear interpolation by `scale` (align_corners false): images [N,H,W,c] of
/// any size to [N, scale H, scale W, c]. r is four times (convolution, layer norm over (H,W,C),
/// leaky ReLU): 5x5 and 3x3 to `hidden`, 3x3 to 32, 3x3 to 32; then 1x1 to c.
/// The four start orthogonal, with gain sqrt(2) and the last with 1; the 1x1 normal with 1e-3.
class SRNet : public Module {
 public:
  explicit SRNet(const SRNetOptions& options = {}, const Place& at = {});
  Tensor operator()(const Tensor& low) const;
  /// r(upsampled) alone: what the reference code's network gives.
  Tensor residual(const Tensor& upsampled) const;
  const SRNetOptions& options() const { return options_; }

 private:
  /// r without its last convolution.
  Tensor body(const Tensor& upsampled) const;

  SRNetOptions options_;
  ModuleList<Conv2d> convolutions_;
  Conv2d output_;
};

}  // namespace telescope
