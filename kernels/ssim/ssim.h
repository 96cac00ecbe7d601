// SPDX-License-Identifier: MIT
// Structural similarity of pairs of images (Wang, Bovik, Sheikh, Simoncelli 2004).
#pragma once

#include <array>
#include <cstdint>

#include "core/device.h"

namespace telescope::kernels {

/// Images [n, height, width, channels].
struct SsimShape {
  std::int64_t n, height, width, channels;

  constexpr std::int64_t sample() const { return height * width * channels; }
  constexpr std::int64_t numel() const { return n * sample(); }
};

/// The window reaches 5 pixels: weights at the distances 0 to 5, of sigma 1.5, that sum to one over
/// all 11. The images are zero outside.
inline constexpr int ssim_reach = 5;
std::array<double, ssim_reach + 1> ssim_window();

/// With G the window applied in both directions, per channel, and C1 = (0.01 range)^2,
/// C2 = (0.03 range)^2,
///   ma = G a,  mb = G b,  saa = G a^2 - ma^2,  sbb = G b^2 - mb^2,  sab = G ab - ma mb
///   S = (2 ma mb + C1)(2 sab + C2) / ((ma^2 + mb^2 + C1)(saa + sbb + C2))
///   value[s] = mean of S over the pixels and channels of sample s
/// a, b [n, height, width, channels];  value [n];  slopes [4, n, height, width, channels] or null.
/// Saved for backward: a, b and `slopes`, the derivatives of S by ma, mb, G a^2 (or G b^2), G ab.
template <class T>
void ssim(const Stream& stream, const SsimShape& shape, double range, const T* a, const T* b,
          T* value, T* slopes);

/// da = dvalue[s] / sample() (G slope_ma + 2 a G slope_aa + b G slope_ab), db alike; overwrites.
/// da or db may be null.
template <class T>
void ssim_backward(const Stream& stream, const SsimShape& shape, const T* a, const T* b,
                   const T* slopes, const T* dvalue, T* da, T* db);

}  // namespace telescope::kernels
