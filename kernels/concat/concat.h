// SPDX-License-Identifier: MIT
// Copies of a block of columns: what joins and parts images along their channels.
#pragma once

#include <cstdint>

#include "core/device.h"

namespace telescope::kernels {

/// to[i to_stride + k] = from[i from_stride + k], i < rows, k < columns; the rest of `to` stays.
/// Joins: `to` points at the first channel of this part in the whole. Parts, which is the adjoint:
/// `from` does. Reads and writes rows * columns elements.
template <class T>
void copy_columns(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* from,
                  std::int64_t from_stride, T* to, std::int64_t to_stride);

}  // namespace telescope::kernels
