// SPDX-License-Identifier: MIT
#include "apps/quality.h"

#include <cmath>

#include "apps/task.h"
#include "core/autograd.h"
#include "layers/loss.h"

namespace telescope::app {

std::vector<Quality> qualities(const Tensor& y, const Tensor& target) {
  const NoGradGuard no_grad;
  std::vector<Quality> all;
  for (const double mse : mse_per_sample(y, target).to_vector<float>()) {
    all.push_back({.mse = mse, .psnr = 10 * std::log10(4 / mse)});
  }
  const std::vector<float> ssim = ssim_of_images(y, target).to_vector<float>();
  for (std::size_t i = 0; i < all.size(); ++i) all[i].ssim = static_cast<double>(ssim[i]);
  return all;
}

}  // namespace telescope::app
