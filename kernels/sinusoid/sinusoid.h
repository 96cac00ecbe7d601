// SPDX-License-Identifier: MIT
// Sinusoidal embedding of times, as in "Attention is all you need" (Vaswani et al. 2017),
// section 3.5.
#pragma once

#include <cstdint>

#include "core/device.h"

namespace telescope::kernels {

/// f_j = 10000^(-j / frequencies), j < frequencies.
struct SinusoidShape {
  std::int64_t n = 0;            ///< times
  std::int64_t frequencies = 0;  ///< half the width of the embedding
  bool sine_first = true;        ///< [sin(t f), cos(t f)] or [cos(t f), sin(t f)]
};

/// y[n, 2 frequencies] from t[n]. Angles are taken in double.
template <class T>
void sinusoid(const Stream& stream, const SinusoidShape& shape, const T* t, T* y);

/// dt[n]; overwrites. Saved: t.
template <class T>
void sinusoid_backward(const Stream& stream, const SinusoidShape& shape, const T* t, const T* dy,
                       T* dt);

}  // namespace telescope::kernels
