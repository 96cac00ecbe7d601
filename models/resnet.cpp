// SPDX-License-Identifier: MIT
#include "models/resnet.h"

#include "layers/embedding.h"
#include "layers/norm.h"
#include "layers/pointwise.h"
#include "layers/reduce.h"
#include "layers/structure.h"

namespace telescope {

TimeEmbedding::TimeEmbedding(const Place& at, std::int64_t dim, std::int64_t hidden)
    : Module(at),
      dim_(dim),
      fc1_(child("fc1"), 1, hidden),
      fc2_(child("fc2"), hidden, hidden),
      fc3_(child("fc3"), hidden, dim - dim / 2) {
  TELESCOPE_CHECK(dim >= 4 && (dim / 2) % 2 == 0, "TimeEmbedding",
                  "half of the dimension must be even and at least 2, got dimension {}", dim);
}

Tensor TimeEmbedding::operator()(const Tensor& t) const {
  TELESCOPE_CHECK(t.rank() == 1, "TimeEmbedding", "expected times of shape [N], got {}", t.shape());
  const Tensor waves = sinusoidal_embedding(t, dim_ / 4);
  const Tensor learned = fc3_(relu(fc2_(relu(fc1_(t.reshape({t.extent(0), 1}))))));
  return concat_channels({waves, learned});
}

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
  Tensor y = conv1_(x);
  if (embedding_) y = add_per_channel(y, (*embedding_)(t));
  y = leaky_relu(layer_norm(y, options_.eps), options_.negative_slope);
  return x + conv2_(y);
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
  TELESCOPE_CHECK(x.rank() == 4 && x.extent(3) == options_.in_channels, "ResNet",
                  "expected images [N,H,W,{}], got {}", options_.in_channels, x.shape());
  TELESCOPE_CHECK(!options_.time_embedding || (t.defined() && t.shape() == Shape{x.extent(0)}),
                  "ResNet", "expected one time per image, shape [{}], got {}", x.extent(0),
                  t.defined() ? t.shape().str() : "none");
  Tensor y = open_(x);
  for (const auto& block : blocks_) y = (*block)(y, t);
  return close_(y);
}

}  // namespace telescope
