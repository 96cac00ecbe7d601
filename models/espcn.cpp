// SPDX-License-Identifier: MIT
#include "models/espcn.h"

#include "layers/pointwise.h"
#include "layers/structure.h"
#include "models/inputs.h"

namespace telescope {
namespace {

const ESPCNOptions& checked(const ESPCNOptions& options) {
  TELESCOPE_CHECK(options.scale >= 1, "ESPCN", "expected a scale of at least 1, got {}",
                  options.scale);
  return options;
}

}  // namespace

ESPCN::ESPCN(const ESPCNOptions& options, const Place& at)
    : Module(at),
      options_(checked(options)),
      conv1_(child("conv1"), options.channels, 64, 5),
      conv2_(child("conv2"), 64, 32, 3),
      conv3_(child("conv3"), 32, options.channels * options.scale * options.scale, 3) {}

Tensor ESPCN::operator()(const Tensor& low) const {
  check_images("ESPCN", low, options_.channels);
  const Tensor features = telescope::tanh(conv2_(telescope::tanh(conv1_(low))));
  return pixel_shuffle(conv3_(features), options_.scale);
}

}  // namespace telescope
