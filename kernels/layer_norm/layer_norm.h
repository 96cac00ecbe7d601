// SPDX-License-Identifier: MIT
// Layer normalisation over whole samples, without parameters (Ba, Kiros, Hinton 2016).
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// Each of n samples of m elements gets mean 0 and variance 1:
///   y = (x - mean) rstd,   rstd = 1 / sqrt(variance + eps),   biased variance,
/// accurate also where the mean is much larger than the deviation. y may be x.
///   x, y [n, m];  rstd [n] is saved for backward, and so is y.
template <class T>
void layer_norm(const Stream& stream, std::int64_t n, std::int64_t m, double eps, const T* x, T* y,
                Wide<T>* rstd);

/// dx = rstd (dy - mean(dy) - y mean(dy y)), the means over each sample; overwrites. dx may be dy.
///   y, dy, dx [n, m];  rstd [n]
template <class T>
void layer_norm_backward(const Stream& stream, std::int64_t n, std::int64_t m, const T* y,
                         const Wide<T>* rstd, const T* dy, T* dx);

}  // namespace telescope::kernels
