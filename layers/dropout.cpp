// SPDX-License-Identifier: MIT
#include "layers/dropout.h"

#include <algorithm>
#include <string>

#include "core/autograd.h"
#include "kernels/dropout/dropout.h"

namespace telescope {
namespace {

thread_local const RandomContext* current_context = nullptr;

kernels::DropoutShape image_shape(const Shape& shape) {
  const int rank = shape.rank();
  kernels::DropoutShape image{.n = shape[0]};
  if (rank >= 2) image.c = shape[rank - 1];
  if (rank >= 3) image.w = shape[rank - 2];
  for (int i = 1; i < rank - 2; ++i) image.h *= shape[i];
  return image;
}

Tensor apply(Tensor& x, const kernels::DropoutKey& key, double p, const Tensor& sample_ids) {
  const Tensor y = in_place_or_fresh(x);
  dispatch_activation(x.dtype(), "dropout", [&]<class T>() {
    kernels::dropout(x.stream(), image_shape(x.shape()), key, p, sample_ids.data<std::int64_t>(),
                     x.data<T>(), y.data<T>());
  });
  return y;
}

void check_probability(double p) {
  TELESCOPE_CHECK(p >= 0 && p <= 1, "dropout", "expected a probability from 0 to 1, got {}", p);
}

}  // namespace

Tensor dropout(Tensor x, double p, const RandomKey& key, const Tensor& sample_ids,
               std::int64_t spacing, const Tensor& device_step) {
  check_probability(p);
  TELESCOPE_CHECK(x.rank() >= 1, "dropout", "expected an input [N, ...], got {}", x.shape());
  TELESCOPE_CHECK(sample_ids.defined() && sample_ids.dtype() == DType::i64 &&
                      sample_ids.shape() == Shape{x.extent(0)},
                  "dropout", "input {} expects sample_ids i64 [{}], got {}", x.shape(), x.extent(0),
                  sample_ids.defined()
                      ? fmt::format("{} {}", name_of(sample_ids.dtype()), sample_ids.shape().str())
                      : "none");
  const kernels::DropoutShape image = image_shape(x.shape());
  const std::int64_t most = (std::int64_t{1} << 32) / std::max<std::int64_t>({image.h, image.w, 1});
  TELESCOPE_CHECK(spacing >= 1 && spacing <= most, "dropout",
                  "input {} expects a spacing from 1 to {}, got {}", x.shape(), most, spacing);
  if (p == 0) return x;
  TELESCOPE_CHECK(sample_ids.device() == x.device(), "dropout",
                  "expected sample_ids on {} as the input, got them on {}", x.device().str(),
                  sample_ids.device().str());
  kernels::DropoutKey named{key, spacing};
  if (device_step.defined()) {
    TELESCOPE_CHECK(device_step.dtype() == DType::i64 && device_step.numel() == 1 &&
                        device_step.device() == x.device(),
                    "dropout", "expected a step i64 [1] on {}, got {} {} on {}", x.device().str(),
                    name_of(device_step.dtype()), device_step.shape(), device_step.device().str());
    named.step = device_step.data<std::int64_t>();
  }
  // device_step comes along to keep what `named` points at.
  const auto backward = [named, p, step = device_step, ids = sample_ids.detach()](
                            Tensor dy, Gradients& gradients) {
    gradients.give(0, apply(dy, named, p, ids));
  };
  const Tensor y = apply(x, named, p, sample_ids);
  return record("dropout", y, {x}, backward);
}

RandomScope::RandomScope(RandomContext context)
    : context_(std::move(context)), outer_(current_context) {
  current_context = &context_;
}
RandomScope::~RandomScope() { current_context = outer_; }
const RandomContext* RandomScope::current() { return current_context; }

Tensor dropout(Tensor x, double p, std::string_view layer_name) {
  check_probability(p);
  if (p == 0) return x;
  const RandomContext* context = RandomScope::current();
  TELESCOPE_CHECK(context, "dropout",
                  "layer {} needs a RandomScope with seed, step and sample ids around the forward "
                  "pass (or evaluation mode)",
                  layer_name);
  const RandomKey key(context->seed, "dropout/" + std::string(layer_name), context->step);
  return dropout(std::move(x), p, key, context->sample_ids, context->spacing, context->device_step);
}

}  // namespace telescope
