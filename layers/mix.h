// SPDX-License-Identifier: MIT
#pragma once

#include "core/tensor.h"

namespace telescope {

/// t a + (1 - t) b for batches [N, ...] of one shape, with one t a sample, t [N]. For making
/// samples: not recorded on the tape.
Tensor mix(const Tensor& a, const Tensor& b, const Tensor& t);

}  // namespace telescope
