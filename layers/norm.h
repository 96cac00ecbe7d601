// SPDX-License-Identifier: MIT
// Normalisation of activations. Samples never mix: each is normalised by its own statistics.
#pragma once

#include "core/tensor.h"

namespace telescope {

/// y = (x - mean) / sqrt(variance + eps) over all elements of each sample, (H,W,C) of an image; no
/// affine part. x [N,...], at least rank 2; y the same. Saved: y and one number per sample.
/// About 7 FLOP an element. Ba, Kiros, Hinton 2016.
Tensor layer_norm(const Tensor& x, double eps = 1e-5);

}  // namespace telescope
