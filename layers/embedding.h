// SPDX-License-Identifier: MIT
// Embeddings of times, by which a network learns how noisy its input is.
#pragma once

#include "core/tensor.h"

namespace telescope {

/// [sin(t f), cos(t f)] of shape [N, 2 frequencies] for times t [N], f_j = 10000^(-j/frequencies);
/// cosines first if `sine_first` is false. Differentiable in t. (Vaswani et al. 2017)
Tensor sinusoidal_embedding(const Tensor& t, std::int64_t frequencies, bool sine_first = true);

}  // namespace telescope
