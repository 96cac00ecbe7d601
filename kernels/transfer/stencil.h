// SPDX-License-Identifier: MIT
// Linear maps between rows of points, as short lists of sources: one dimension of a transfer.
#pragma once

#include <cstdint>
#include <vector>

namespace telescope::kernels {

/// out[i] = sum over k in [begin[i], begin[i + 1]) of weight[k] in[index[k]]: a sparse matrix of
/// `out()` rows and `in` columns. Weights are computed in double. A row may be empty: out[i] = 0.
struct Stencil {
  std::int64_t in = 0;
  std::vector<std::int64_t> begin{0}, index;
  std::vector<double> weight;

  std::int64_t out() const { return static_cast<std::int64_t>(begin.size()) - 1; }
  std::int64_t taps() const { return static_cast<std::int64_t>(index.size()); }
  /// The most sources of any point.
  std::int64_t width() const;
};

/// The adjoint map; the sources of each of its points are in rising order.
Stencil transposed(const Stencil& a);

/// Source floor(i / scale), clamped to the last point: with scale 2 every point twice, with scale
/// 1/2 every other point.
Stencil nearest_stencil(std::int64_t in, std::int64_t out, double scale);
/// Linear interpolation at (i + 1/2) / scale - 1/2, where points are the middles of cells of width
/// 1 and 1/scale is the width of an output cell; constant beyond the first and the last middle.
/// PyTorch's align_corners=False.
Stencil linear_stencil(std::int64_t in, std::int64_t out, double scale);
/// Linear interpolation at i (in - 1)/(out - 1), at 0 if `out` is 1: the first and the last points
/// are kept. PyTorch's align_corners=True.
Stencil linear_aligned_stencil(std::int64_t in, std::int64_t out);
/// The mean over the output cell [i / scale, (i + 1) / scale), where input cells have width 1 and
/// count by how much of them lies in it: with scale 1/3 the mean of three points. scale <= 1.
Stencil area_stencil(std::int64_t in, std::int64_t out, double scale);
/// (1 2 1)/4 around every other point, 0, 2, 4, ...; mirrored at the border, x[-1] = x[1] (and
/// x[in] = x[in-2]), so that the weights sum to one.
Stencil full_weighting_stencil(std::int64_t in, std::int64_t out);

}  // namespace telescope::kernels
