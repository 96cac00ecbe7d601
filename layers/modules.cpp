// SPDX-License-Identifier: MIT
#include "layers/modules.h"

#include <cmath>

#include "layers/dropout.h"
#include "layers/linear.h"

namespace telescope {

Conv2d::Conv2d(const Place& at, std::int64_t in, std::int64_t out, std::int64_t kernel,
               const Options& options)
    : Module(at),
      options_{options.stride, options.padding < 0 ? (kernel - 1) / 2 : options.padding} {
  TELESCOPE_CHECK(in >= 1 && out >= 1 && kernel >= 1, "Conv2d",
                  "expected channels and kernel of at least 1, got {} to {}, kernel {}", in, out,
                  kernel);
  const double bound = options.gain / std::sqrt(static_cast<double>(in * kernel * kernel));
  const Initializer start = Initializer::uniform(bound);
  weight = parameter("weight", {out, kernel, kernel, in}, options.initial_weight.value_or(start));
  if (options.bias) bias = parameter("bias", {out}, start);
}

Linear::Linear(const Place& at, std::int64_t in, std::int64_t out) : Module(at) {
  TELESCOPE_CHECK(in >= 1 && out >= 1, "Linear", "expected at least 1 feature, got {} to {}", in,
                  out);
  const double bound = 1 / std::sqrt(static_cast<double>(in));
  weight = parameter("weight", {out, in}, Initializer::uniform(bound));
  bias = parameter("bias", {out}, Initializer::uniform(bound));
}

Tensor Linear::operator()(const Tensor& x) const { return linear(x, weight, bias); }

GroupNorm::GroupNorm(const Place& at, std::int64_t groups, std::int64_t channels, double eps)
    : Module(at), groups_(groups), eps_(eps) {
  TELESCOPE_CHECK(groups >= 1 && channels % groups == 0, "GroupNorm",
                  "{} channels do not divide into {} groups", channels, groups);
  weight = parameter("weight", {channels}, Initializer::constant(1));
  bias = parameter("bias", {channels}, Initializer::constant(0));
}

Tensor GroupNorm::operator()(const Tensor& x, std::optional<Silu> activation) const {
  return group_norm(x, groups_, weight, bias, eps_, activation);
}

Dropout::Dropout(const Place& at, double probability) : Module(at), probability_(probability) {
  TELESCOPE_CHECK(probability >= 0 && probability < 1, "Dropout",
                  "expected a probability in [0, 1), got {}", probability);
}

Tensor Dropout::operator()(Tensor x) const {
  if (!training() || probability_ == 0) return x;
  return dropout(std::move(x), probability_, path());
}

}  // namespace telescope
