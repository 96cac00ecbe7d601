// SPDX-License-Identifier: MIT
#pragma once

#include "layers/modules.h"

namespace telescope {

struct ESPCNOptions {
  std::int64_t channels = 3;
  std::int64_t scale = 2;  ///< high resolution over low
};

/// The efficient sub-pixel convolutional network: y = shuffle(conv3(tanh(conv2(tanh(conv1(x)))))),
/// images [N,H,W,c] of any size to [N, scale H, scale W, c]. conv1 is 5x5 to 64 channels, conv2 3x3
/// to 32, conv3 3x3 to c scale^2, which become the pixels between. Shi et al. 2016.
class ESPCN : public Module {
 public:
  explicit ESPCN(const ESPCNOptions& options = {}, const Place& at = {});
  Tensor operator()(const Tensor& low) const;
  const ESPCNOptions& options() const { return options_; }

 private:
  ESPCNOptions options_;
  Conv2d conv1_, conv2_, conv3_;
};

}  // namespace telescope
