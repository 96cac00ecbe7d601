// SPDX-License-Identifier: MIT
// Sums, and the way back from a sum to what was summed.
//
// All sums are taken in double, in chunks of sum_chunk elements whose partial sums are then added
// one after another, and inside a chunk in 16 lanes: the same bits for every number of threads and
// every instruction set. Outputs are overwritten. Nothing is saved for backward.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// y[r] = factor * sum_j x[r, j] with x [rows, length], y [rows]. One row is the sum of all; a row
/// per sample gives sums per sample. A row of length 0 sums to 0.
template <class T>
void sum_rows(const Stream& stream, std::int64_t rows, std::int64_t length, double factor,
              const T* x, Wide<T>* y);

/// x[r, j] = factor * dy[r], the backward of sum_rows; x [rows, length], dy [rows].
template <class T>
void spread_rows(const Stream& stream, std::int64_t rows, std::int64_t length, double factor,
                 const Wide<T>* dy, T* x);

/// y[0] = sum_i a[i] b[i], n terms; a may be b. In double even for float, as it is the sum of
/// squares of a whole gradient as often as not.
template <class T>
void dot(const Stream& stream, std::int64_t n, const T* a, const T* b, double* y);

/// y[0] = sum_i x[i]^2.
template <class T>
void squared_norm(const Stream& stream, std::int64_t n, const T* x, double* y) {
  dot(stream, n, x, x, y);
}

/// y[i] = factor[0] * x[i], with a factor that rests in device memory; y may be x.
template <class T>
void scale_by(const Stream& stream, std::int64_t n, const T* factor, const T* x, T* y);

}  // namespace telescope::kernels
