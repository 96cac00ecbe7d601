// SPDX-License-Identifier: MIT
// Normalisation of activations. Samples never mix: each is normalised by its own statistics, which are
// taken in f32 or better. f32, f64, bf16 (on devices, with parameters of f32). A norm can take the
// activation that follows it along: the same values as one after the other, to rounding, in one pass
// less each way and without an array in between.
#pragma once

#include <optional>

#include "core/tensor.h"

namespace telescope {

/// The activations that norms take along: leaky_relu(., slope) and silu.
struct LeakyRelu {
  double slope = 0.2;
};
struct Silu {};

/// y = act((x - mean) / sqrt(variance + eps)) over all elements of each sample, (H,W,C) of an image;
/// no affine part. x [N,...], at least rank 2; y the same. Error unless the slope is above 0, since
/// backward finds the normalised value by it. Saved: y and one number per sample. In place where
/// nobody else has a handle to x.
/// About 7 FLOP an element. Ba, Kiros, Hinton 2016.
Tensor layer_norm(Tensor x, double eps = 1e-5, std::optional<LeakyRelu> activation = {});

/// y = act((x - mean) / sqrt(variance + eps) weight + bias), statistics over the pixels and the
/// channels of a group, for each sample; group g has the channels [g C/groups, (g+1) C/groups).
/// x [N,H,W,C] or [N,T,C], weight and bias [C]; y as x. Error unless groups divide C. Saved: x, and
/// two numbers per sample and group. About 7 FLOP an element. Wu, He 2018.
Tensor group_norm(const Tensor& x, std::int64_t groups, const Tensor& weight, const Tensor& bias,
                  double eps = 1e-5, std::optional<Silu> activation = {});

}  // namespace telescope
