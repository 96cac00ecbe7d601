// SPDX-License-Identifier: MIT
// Pictures out of nothing: dead leaves, discs and rectangles of power-law sizes that hide each
// other. Their edges, occlusions and 1/f^2 spectra are those of photographs (Lee, Mumford, Huang:
// "Occlusion models for natural images", IJCV 2001).
#pragma once

#include <cstdint>

#include "apps/image.h"

namespace telescope::app {

/// Picture number `index` of an endless sequence named by `seed`, of any size: the same bits on
/// every machine. Radii have the density r^-3, colours scatter about a palette of the picture's
/// own, each leaf carries a soft grating and shading, and edges are smoothed by 2 x 2
/// supersampling.
Image draw_dead_leaves(std::uint64_t seed, std::uint64_t index, int height, int width);

}  // namespace telescope::app
