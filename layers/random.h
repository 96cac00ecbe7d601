// SPDX-License-Identifier: MIT
// Tensors of random numbers, from Philox. An element depends on the key and its position alone: the
// same bits on every device, for every number of threads and in both f32 and f64. Not
// differentiable.
#pragma once

#include "core/philox.h"
#include "core/tensor.h"

namespace telescope {

/// Uniform in [low, high); rounding may give `high` itself where low is not 0. Error unless both
/// are finite and low <= high, or if the dtype is not f32 or f64.
Tensor random_uniform(const Shape& shape, const RandomKey& key, double low = 0, double high = 1,
                      DType dtype = DType::f32, Device device = {});
/// Normal with mean 0 and deviation 1, at most 6.66 in size. Error if the dtype is not f32 or f64.
Tensor random_normal(const Shape& shape, const RandomKey& key, DType dtype = DType::f32,
                     Device device = {});
/// Masks of a batch of images [N,H,W,C], every channel alike: 0 in each of `boxes` random boxes of an
/// image, with sides of an eighth to a half of the image's, else 1. Error unless H and W are at least
/// 1 and `boxes` at least 0.
Tensor random_boxes(const Shape& images, const RandomKey& key, std::int64_t boxes = 3,
                    DType dtype = DType::f32, Device device = {});

}  // namespace telescope
