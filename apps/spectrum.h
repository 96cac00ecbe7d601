// SPDX-License-Identifier: MIT
// Spectra of small pictures, by the discrete Fourier transform as it is defined. Frequencies are in
// cycles a picture, so that those of one picture on several meshes stand side by side: a mesh of n
// pixels has those up to n/2.
#pragma once

#include <cstdint>
#include <vector>

#include "core/tensor.h"

namespace telescope::app {

/// Power of a picture [1,N,N,C] or [N,N,C], f32 or f64, at whole frequencies.
struct Spectrum {
  /// power[k]: mean of |F|^2 over the ring k - 1/2 <= |frequency| < k + 1/2, k = 0 .. N/2, and over
  /// the channels, where F = 1/N^2 sum x exp(-2 pi i (kx x + ky y) / N). A wave a cos(2 pi k x / N)
  /// has |F|^2 = a^2/4 at (k, 0) and (-k, 0).
  std::vector<double> power;
};
/// `window`: the picture less its mean times a Hann window of mean square 1 in both directions, so
/// that the jump from one border to the other does not hide what is at high frequencies. 16 N^3
/// FLOP a channel. Error unless the picture is square.
Spectrum radial_spectrum(const Tensor& picture, bool window);

/// The part of a square picture at frequencies |kx| and |ky| below `cutoff` cycles a picture: what a
/// mesh of 2 cutoff pixels can show without folding. Same shape, f64.
Tensor low_pass(const Tensor& picture, std::int64_t cutoff);

}  // namespace telescope::app
