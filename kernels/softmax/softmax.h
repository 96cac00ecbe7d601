// SPDX-License-Identifier: MIT
// Softmax over rows.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "kernels/backend.h"

namespace telescope::kernels {

/// y[i] = exp(x[i] - max x) / sum_j exp(x[j] - max x) in each of `rows` rows of `columns`; y may be
/// x. A row with NaN or +infinity, or of -infinity only, gives NaN.
///   x, y [rows, columns]. Saved for backward: y.
template <class T>
void softmax(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* x, T* y,
             Backend by = backend());

/// dx = y (dy - sum_j dy[j] y[j]); overwrites; dx may be dy.
template <class T>
void softmax_backward(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* y,
                      const T* dy, T* dx, Backend by = backend());

}  // namespace telescope::kernels
