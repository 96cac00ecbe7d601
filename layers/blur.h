// SPDX-License-Identifier: MIT
// The blur that the task "deblur" undoes.
#pragma once

#include "core/tensor.h"

namespace telescope {

/// Circular convolution of [N,H,W,C] with a Gaussian of deviation `sigma` pixels, in each channel:
///   y[i,j] = sum over k, l of g_H(k) g_W(l) x[(i - k) mod H, (j - l) mod W]
///   g_n(d) = exp(-d^2 / (2 sigma^2)) / sum of these over d = -(n-1)/2 .. n/2
/// as the reference code's, which takes the Gaussian out to half the extent and does not wrap it
/// around. Separable: 2 min(12 sigma, H) + 2 min(12 sigma, W) flop an element in f32. f32, f64.
/// It is its own adjoint: dx = the blur of dy; nothing is saved. No derivative for sigma.
/// Error unless sigma is positive and the image has pixels.
Tensor gaussian_blur(const Tensor& x, double sigma);

}  // namespace telescope
