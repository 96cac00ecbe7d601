// SPDX-License-Identifier: MIT
#include "layers/cast.h"

#include <algorithm>

#include "core/autograd.h"
#include "core/profile.h"

namespace telescope {
namespace {

Tensor converted(const Tensor& x, DType dtype) {
  const Scope scope("cast", 0, x.numel() * (size_of(x.dtype()) + size_of(dtype)));
  return x.to(dtype);
}

}  // namespace

Tensor cast(const Tensor& x, DType dtype) {
  if (x.dtype() == dtype) return x;
  for (const DType type : {x.dtype(), dtype}) dispatch_activation(type, "cast", []<class T>() {});
  return record("cast", converted(x, dtype), {x},
                [from = x.dtype()](const Tensor& dy, Gradients& gradients) {
                  gradients.give(0, converted(dy, from));
                });
}

std::vector<Tensor> in_common_type(std::vector<Tensor> tensors) {
  const auto some_are = [&](DType dtype) {
    return std::any_of(tensors.begin(), tensors.end(),
                       [=](const Tensor& x) { return x.defined() && x.dtype() == dtype; });
  };
  if (!some_are(DType::f32) || !some_are(DType::bf16)) return tensors;
  for (Tensor& x : tensors) {
    if (x.defined() && x.dtype() == DType::bf16) x = cast(x, DType::f32);
  }
  return tensors;
}

}  // namespace telescope
