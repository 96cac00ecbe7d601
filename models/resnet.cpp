// SPDX-License-Identifier: MIT
#include "models/resnet.h"

#include "layers/norm.h"
#include "models/inputs.h"

namespace telescope {

ResNet::Block::Block(const Place& at, const ResNetOptions& options)
    : Module(at),
      options_(options),
      conv1_(child("Conv1"), options.hidden, options.hidden, 3),
      conv2_(child("Conv2"), options.hidden, options.hidden, 3) {
  if (options.time_embedding) {
    embedding_.emplace(child("te"), options.hidden, options.time_hidden);
  }
}

Tensor ResNet::Block::operator()(const Tensor& x, const Tensor& t) const {
  const Tensor time = embedding_ ? (*embedding_)(t) : Tensor();
  const Tensor y =
      layer_norm(conv1_(x, {.offset = time}), options_.eps, LeakyRelu{options_.negative_slope});
  return conv2_(y, {.residual = x});
}

ResNet::ResNet(const ResNetOptions& options, const Place& at)
    : Module(at),
      options_(options),
      open_(child("Open"), options.in_channels, options.hidden, 1),
      blocks_(child("blocks")),
      close_(child("Close"), options.hidden, options.out_channels, 1, {.gain = 1e-3}) {
  TELESCOPE_CHECK(options.blocks >= 1, "ResNet", "expected at least one block, got {}",
                  options.blocks);
  for (std::int64_t i = 0; i < options.blocks; ++i) blocks_.add(options);
}

Tensor ResNet::operator()(const Tensor& x, const Tensor& t) const {
  check_images("ResNet", x, options_.in_channels);
  if (options_.time_embedding) check_times("ResNet", t, x);
  Tensor y = open_(x);
  for (const auto& block : blocks_) y = (*block)(y, t);
  return close_(y);
}

}  // namespace telescope
