// SPDX-License-Identifier: MIT
// Blur of images that continue periodically, with a Gaussian, each channel by itself.
#pragma once

#include <cstdint>
#include <vector>

#include "core/device.h"

namespace telescope::kernels {

/// x and y are [n, h, w, c].
struct BlurShape {
  std::int64_t n = 0, h = 0, w = 0, c = 0;
  std::int64_t size() const { return n * h * w * c; }
};

/// One dimension of the blur: y[i] = sum over k of weight[k] x[(i + first + k) mod extent].
struct CircularTaps {
  std::int64_t first = 0;
  std::vector<double> weight;
};

/// exp(-d^2 / (2 sigma^2)) of the offsets d from -(extent-1)/2 to extent/2 (whole-number division),
/// divided by their sum: as the reference code's point spread function, a Gaussian cut at half the
/// extent and not wrapped around. Symmetric modulo `extent`, so the blur is its own adjoint. Leaves
/// out weights below `negligible` times the largest one.
CircularTaps gaussian_taps(std::int64_t extent, double sigma, double negligible);

/// y = the Gaussian of deviation `sigma` pixels along h, then along w, both periodic. Leaves out
/// weights that rounding to T would hide, 6 sigma away in float, 8.7 in double; so it does
/// 4 min(12 sigma, extent) flop for each element in float. y may not be x. Its own adjoint.
template <class T>
void gaussian_blur(const Stream& stream, const BlurShape& shape, double sigma, const T* x, T* y);

}  // namespace telescope::kernels
