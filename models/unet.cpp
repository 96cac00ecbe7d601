// SPDX-License-Identifier: MIT
#include "models/unet.h"

#include <cmath>

#include "layers/attention.h"
#include "layers/pointwise.h"
#include "layers/structure.h"
#include "layers/transfer.h"
#include "models/inputs.h"

namespace telescope {

UNet::ResBlock::ResBlock(const Place& at, std::int64_t in, std::int64_t out,
                         const UNetOptions& options)
    : Module(at),
      norm1_(child("in_layers.0"), options.groups, in, options.eps),
      conv1_(child("in_layers.2"), in, out, 3),
      time_(child("emb_layers.1"), 4 * options.model_channels, out),
      norm2_(child("out_layers.0"), options.groups, out, options.eps),
      dropout_(child("out_layers.2"), options.dropout),
      conv2_(child("out_layers.3"), out, out, 3, {.gain = 0}) {
  if (in != out) skip_.emplace(child("skip_connection"), in, out, 1);
}

Tensor UNet::ResBlock::operator()(const Tensor& x, const Tensor& embedding) const {
  const Tensor y = conv1_(norm1_(x, Silu()), {.offset = time_(embedding)});
  return conv2_(dropout_(norm2_(y, Silu())), {.residual = skip_ ? (*skip_)(x) : x});
}

UNet::PixelLinear::PixelLinear(const Place& at, std::int64_t in, std::int64_t out, double gain)
    : Module(at) {
  const auto start = Initializer::uniform(gain / std::sqrt(static_cast<double>(in)));
  weight_ = parameter("weight", {out, in, 1}, start);
  bias_ = parameter("bias", {out}, start);
}

Tensor UNet::PixelLinear::operator()(const Tensor& x, const Conv2dTerms& plus) const {
  return conv2d(x, weight_.reshape({weight_.extent(0), 1, 1, weight_.extent(1)}), bias_, {}, plus);
}

UNet::AttentionBlock::AttentionBlock(const Place& at, std::int64_t channels,
                                     const UNetOptions& options)
    : Module(at),
      heads_(options.heads),
      norm_(child("norm"), options.groups, channels, options.eps),
      qkv_(child("qkv"), channels, 3 * channels),
      out_(child("proj_out"), channels, channels, /*gain=*/0) {
  TELESCOPE_CHECK(heads_ >= 1 && channels % heads_ == 0, "UNet",
                  "{} heads do not divide the {} channels of the middle", heads_, channels);
}

Tensor UNet::AttentionBlock::operator()(const Tensor& x) const {
  const Tensor qkv = qkv_(norm_(x));
  const Shape tokens{x.extent(0), x.extent(1) * x.extent(2), qkv.extent(3)};
  const Tensor y = qkv_attention(qkv.reshape(tokens), heads_).reshape(x.shape());
  return out_(y, {.residual = x});
}

UNet::Down::Down(const Place& at, std::int64_t in, std::int64_t out, const UNetOptions& options)
    : Module(at) {
  block_.emplace(child("0"), in, out, options);
}

UNet::Down::Down(const Place& at, const std::string& name, std::int64_t in, std::int64_t out,
                 std::int64_t stride)
    : Module(at) {
  convolution_.emplace(child(name), in, out, 3, Conv2d::Options{.stride = stride});
}

Tensor UNet::Down::operator()(const Tensor& x, const Tensor& embedding) const {
  return block_ ? (*block_)(x, embedding) : (*convolution_)(x);
}

UNet::Up::Up(const Place& at, std::int64_t in, std::int64_t out, const UNetOptions& options,
             bool rises)
    : Module(at), block_(child("0"), in, out, options) {
  if (rises) convolution_.emplace(child("1.conv"), out, out, 3);
}

Tensor UNet::Up::operator()(const Tensor& x, const Tensor& embedding, const Tensor& above) const {
  const Tensor y = block_(x, embedding);
  if (!convolution_) return y;
  return (*convolution_)(prolong(y, Prolongation::nearest, above.extent(1), above.extent(2)));
}

namespace {

// Options that make a network, or an Error.
const UNetOptions& checked(const UNetOptions& options) {
  TELESCOPE_CHECK(!options.multipliers.empty() && options.res_blocks >= 1, "UNet",
                  "expected at least one level and one residual block, got {} and {}",
                  options.multipliers.size(), options.res_blocks);
  TELESCOPE_CHECK(options.model_channels >= 2 && options.model_channels % 2 == 0, "UNet",
                  "expected an even number of channels of at least 2, got {}",
                  options.model_channels);
  for (const std::int64_t multiplier : options.multipliers) {
    TELESCOPE_CHECK(multiplier >= 1, "UNet", "expected multipliers of at least 1, got {}",
                    multiplier);
  }
  return options;
}

std::int64_t coarsest_channels(const UNetOptions& options) {
  return options.multipliers.back() * options.model_channels;
}

}  // namespace

UNet::UNet(const UNetOptions& options, const Place& at)
    : Module(at),
      options_(checked(options)),
      time_embedding_(child("time_embed"), options.model_channels),
      down_(child("input_blocks")),
      middle1_(child("middle_block.0"), coarsest_channels(options), coarsest_channels(options),
               options),
      attention_(child("middle_block.1"), coarsest_channels(options), options),
      middle2_(child("middle_block.2"), coarsest_channels(options), coarsest_channels(options),
               options),
      up_(child("output_blocks")),
      norm_(child("out.0"), options.groups, options.multipliers.front() * options.model_channels,
            options.eps),
      output_(child("out.2"), options.multipliers.front() * options.model_channels,
              options.out_channels, 3, {.gain = 0}) {
  const std::size_t levels = options.multipliers.size();
  std::vector<std::int64_t> kept{options.model_channels};
  down_.add("0", options.in_channels, options.model_channels, 1);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::int64_t channels = options.multipliers[level] * options.model_channels;
    for (std::int64_t i = 0; i < options.res_blocks; ++i) {
      down_.add(kept.back(), channels, options);
      kept.push_back(channels);
    }
    if (level + 1 == levels) break;
    down_.add("0.op", channels, channels, 2);
    kept.push_back(channels);
  }
  std::int64_t below = kept.back();
  for (std::size_t level = levels; level-- > 0;) {
    const std::int64_t channels = options.multipliers[level] * options.model_channels;
    for (std::int64_t i = 0; i <= options.res_blocks; ++i) {
      up_.add(below + kept.back(), channels, options, level > 0 && i == options.res_blocks);
      kept.pop_back();
      below = channels;
    }
  }
}

Tensor UNet::operator()(const Tensor& x, const Tensor& t) const {
  check_images("UNet", x, options_.in_channels);
  check_times("UNet", t, x);
  const Tensor embedding = silu(time_embedding_(t));
  std::vector<Tensor> kept;
  Tensor y = x;
  for (const auto& down : down_) kept.push_back(y = (*down)(y, embedding));
  y = middle2_(attention_(middle1_(y, embedding)), embedding);
  for (const auto& up : up_) {
    y = concat_channels({y, kept.back()});
    kept.pop_back();
    y = (*up)(y, embedding, kept.empty() ? Tensor() : kept.back());
  }
  return output_(norm_(y, Silu()));
}

}  // namespace telescope
