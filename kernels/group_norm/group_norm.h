// SPDX-License-Identifier: MIT
// Group normalisation with one weight and bias per channel (Wu, He 2018), and the SiLU that follows it.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// Activations [n, pixels, channels], channels in `groups` groups of neighbours.
struct GroupNormShape {
  std::int64_t n, pixels, channels, groups;

  constexpr std::int64_t group_channels() const { return channels / groups; }
  constexpr std::int64_t group_size() const { return pixels * group_channels(); }
  constexpr std::int64_t numel() const { return n * pixels * channels; }
};

/// What is made of the normalised values: themselves, or silu(z) = z sigmoid(z).
enum class NormActivation { none, silu };

/// y = act(z),   z = (x - mean) rstd weight + bias,   rstd = 1 / sqrt(variance + eps),
/// mean and biased variance over the pixels and channels of a group, for each sample; accurate also
/// where the mean is much larger than the deviation. y may be x.
///   x, y [n, pixels, channels];  weight, bias [channels];  mean, rstd [n, groups] in double
/// Saved for backward: x, mean, rstd.
template <class T>
void group_norm(const Stream& stream, const GroupNormShape& shape, double eps, const T* x,
                const Wide<T>* weight, const Wide<T>* bias, NormActivation activation, T* y,
                double* mean, double* rstd);

/// With x' = (x - mean) rstd, dz = act'(z) dy, z computed again, and means over each group:
///   dx = rstd (weight dz - mean(weight dz) - x' mean(weight dz x'))    overwrites; may be dy; or, with
///                                                                      `accumulate`, adds to dx
///   dweight += sum(dz x'),  dbias += sum(dz)                           accumulate
/// Each of the three may be null.
template <class T>
void group_norm_backward(const Stream& stream, const GroupNormShape& shape, const T* x,
                         const Wide<T>* weight, const Wide<T>* bias, NormActivation activation,
                         const double* mean, const double* rstd, const T* dy, T* dx,
                         bool accumulate, Wide<T>* dweight, Wide<T>* dbias);

}  // namespace telescope::kernels
