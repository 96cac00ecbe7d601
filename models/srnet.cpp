// SPDX-License-Identifier: MIT
#include "models/srnet.h"

#include <numbers>

#include "layers/norm.h"
#include "layers/transfer.h"
#include "models/inputs.h"

namespace telescope {
namespace {
constexpr std::int64_t features = 32;  // of the last two layers
}

SRNet::SRNet(const SRNetOptions& options, const Place& at)
    : Module(at),
      options_(options),
      convolutions_(child("conv_layers")),
      output_(child("output_conv"), features, options.channels, 1,
              {.initial_weight = Initializer::normal(1e-3)}) {
  TELESCOPE_CHECK(options.scale >= 1, "SRNet", "expected a scale of at least 1, got {}",
                  options.scale);
  const auto add = [&](std::int64_t in, std::int64_t out, std::int64_t kernel, double gain) {
    convolutions_.add(in, out, kernel,
                      Conv2d::Options{.initial_weight = Initializer::orthogonal(gain)});
  };
  add(options.channels, options.hidden, 5, std::numbers::sqrt2);
  add(options.hidden, options.hidden, 3, std::numbers::sqrt2);
  add(options.hidden, features, 3, std::numbers::sqrt2);
  add(features, features, 3, 1);
}

Tensor SRNet::body(const Tensor& upsampled) const {
  check_images("SRNet", upsampled, options_.channels);
  Tensor y = upsampled;
  for (const auto& convolution : convolutions_) {
    y = layer_norm((*convolution)(y), options_.eps, LeakyRelu{options_.negative_slope});
  }
  return y;
}

Tensor SRNet::residual(const Tensor& upsampled) const { return output_(body(upsampled)); }

Tensor SRNet::operator()(const Tensor& low) const {
  check_images("SRNet", low, options_.channels);
  const Tensor upsampled =
      interpolate(low, static_cast<double>(options_.scale), Interpolation::bilinear);
  return output_(body(upsampled), {.residual = upsampled});
}

}  // namespace telescope
