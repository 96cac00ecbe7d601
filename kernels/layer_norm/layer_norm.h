// SPDX-License-Identifier: MIT
// Layer normalisation over whole samples, without parameters (Ba, Kiros, Hinton 2016), and the leaky
// ReLU that follows it.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// Each of n samples of m elements gets mean 0 and variance 1, then what is negative is multiplied by
/// `slope`, which must be above 0; 1 leaves it as it is:
///   x' = (x - mean) rstd,   rstd = 1 / sqrt(variance + eps),   biased variance,
///   y = x' > 0 ? x' : slope x',
/// accurate also where the mean is much larger than the deviation. y may be x.
///   x, y [n, m];  rstd [n] is saved for backward, and so is y.
template <class T>
void layer_norm(const Stream& stream, std::int64_t n, std::int64_t m, double eps, double slope,
                const T* x, T* y, Wide<T>* rstd);

/// With dx' = y > 0 ? dy : slope dy and x' = y > 0 ? y : y / slope, and means over each sample:
///   dx = rstd (dx' - mean(dx') - x' mean(dx' x')); overwrites. dx may be dy.
///   y, dy, dx [n, m];  rstd [n]
template <class T>
void layer_norm_backward(const Stream& stream, std::int64_t n, std::int64_t m, double slope,
                         const T* y, const Wide<T>* rstd, const T* dy, T* dx);

}  // namespace telescope::kernels
