// SPDX-License-Identifier: MIT
// Joining tensors, and channels that become pixels. Values are copied, never changed.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace telescope {

/// Tensors [..., C_i], alike but for the last extent, side by side: [..., C_0 + C_1 + ...]. f32,
/// f64, bf16 (on devices); f32 and bf16 make f32. Backward copies each part out; nothing is saved.
Tensor concat_channels(const std::vector<Tensor>& parts);

/// Tensors [N_i, ...], alike but for the first extent, one after the other: [N_0 + N_1 + ..., ...].
/// Any dtype. Backward hands out views of dy; nothing is saved.
Tensor concat_rows(const std::vector<Tensor>& parts);

/// [N,H,W,C r r] to [N, H r, W r, C]: y[n, h r + i, w r + j, c] = x[n, h, w, c r r + i r + j], the
/// order of PyTorch. f32, f64, bf16 (on devices).
Tensor pixel_shuffle(const Tensor& x, std::int64_t r);

}  // namespace telescope
