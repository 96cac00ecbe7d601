// SPDX-License-Identifier: MIT
// Transfer of images between meshes. All functions take [N, H, W, C], f32 or f64, and act on every
// channel alike. Mesh 0 is the finest; mesh l+1 has half the extents of mesh l.
//
// Every operator is linear: its backward is its adjoint, and nothing is saved.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/tensor.h"

namespace telescope {

/// How a fine image becomes a coarse one, y = R x. By dimension (the images' are products):
///   injection         y[i] = x[2i]: every other pixel, unchanged. What nearest interpolation by 0.5
///                     does. Keeps the deviation of noise.
///   mean              y[i] = (x[2i] + x[2i+1]) / 2: average pooling. Halves the deviation of noise.
///   full_weighting    y[i] = (x[2i-1] + 2 x[2i] + x[2i+1]) / 4: multigrid's 1-2-1. Mirrored at the
///                     border, x[-1] = x[1], so that constants stay; linear functions stay away
///                     from the first row and column.
///   bilinear          bilinear interpolation by 0.5, align_corners false: the same map as `mean`.
///   bilinear_aligned  align_corners true: y[i] is x at i (n-1)/(m-1), at 0 if m = 1; corners stay.
enum class Restriction { injection, mean, full_weighting, bilinear, bilinear_aligned };

/// How a coarse image becomes a fine one, x = P y.
///   nearest           x[i] = y[i/2], the last pixel again where there is none. For extents 2n
///                     4 times the adjoint of `mean`.
///   bilinear          bilinear interpolation by 2, align_corners false, constant beyond the middles
///                     of the border pixels.
///   bilinear_aligned  align_corners true: x[i] is y at i (m-1)/(n-1). Exact on linear functions.
///   ..._adjoint       the transpose of the restriction, <R x, y> = <x, P y>: no factor, pixels that
///                     the restriction does not see are 0. 4 full_weighting_adjoint is multigrid's
///                     bilinear prolongation away from the border.
enum class Prolongation {
  nearest,
  bilinear,
  bilinear_aligned,
  injection_adjoint,
  mean_adjoint,
  full_weighting_adjoint,
  bilinear_aligned_adjoint
};

/// "injection", "mean", "full-weighting", "bilinear", "bilinear-aligned".
std::string_view name_of(Restriction kind);
/// "nearest", "bilinear", "bilinear-aligned", "injection-adjoint", "mean-adjoint", ...
std::string_view name_of(Prolongation kind);
/// The kind of that name; an Error that lists the known names.
Restriction parse_restriction(std::string_view text);
Prolongation parse_prolongation(std::string_view text);

/// The transpose of a restriction.
Prolongation adjoint_of(Restriction kind);

/// Extent of the next coarser mesh: floor(extent / 2) for every kind. Of an odd extent the last row
/// or column is left out (bilinear_aligned uses it). Error for an extent below 2.
std::int64_t coarse_extent(std::int64_t extent, Restriction kind);

/// R x: [N,H,W,C] to [N, coarse_extent(H), coarse_extent(W), C].
Tensor restrict(const Tensor& x, Restriction kind);

/// P x: [N,H,W,C] to [N,height,width,C] on the next finer mesh: `height` must be 2H or 2H+1,
/// `width` 2W or 2W+1, so that odd sizes come back; for `nearest` also 2H-1 and 2W-1, which a
/// convolution of stride 2 halves to H and W. Error otherwise (interpolate() takes other factors).
Tensor prolong(const Tensor& x, Prolongation kind, std::int64_t height, std::int64_t width);

enum class Interpolation { nearest, bilinear, bilinear_aligned, area };

/// As PyTorch's interpolate(scale_factor=...): [N,H,W,C] to [N, floor(H s), floor(W s), C], s > 0.
///   nearest           source index floor(i / s)
///   bilinear          source position (i + 1/2) / s - 1/2, clamped (align_corners false); there is
///                     no filter against aliasing
///   bilinear_aligned  source position i (in - 1)/(out - 1) (align_corners true)
///   area              mean of the source over the pixel, for s <= 1: of 3x3 pixels with s = 1/3
/// Error if nothing would be left, or for an area of less than a pixel.
Tensor interpolate(const Tensor& x, double scale_factor, Interpolation mode);

}  // namespace telescope
