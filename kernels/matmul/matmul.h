// SPDX-License-Identifier: MIT
// Product of two dense matrices.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "kernels/backend.h"

namespace telescope::kernels {

/// c is [m, n]; a is [m, k], or [k, m] if transposed; b is [k, n], or [n, k] if transposed. All
/// row-major and dense.
struct MatmulShape {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;

  std::int64_t flop() const { return 2 * m * n * k; }
  std::int64_t elements() const { return m * k + k * n + m * n; }
};

/// c[i, j] = bias[j] + sum over p of a[i, p] b[p, j]; overwrites; bias [n] may be null.
template <class T>
void matmul(const Stream& stream, const MatmulShape& shape, const T* a, const T* b, const T* bias,
            T* c, Backend by = backend());

/// The same added to c: for gradients of parameters.
template <class T>
void matmul_accumulate(const Stream& stream, const MatmulShape& shape, const T* a, const T* b, T* c,
                       Backend by = backend());

}  // namespace telescope::kernels
