// SPDX-License-Identifier: MIT
// A network on a picture of any size, by overlapping tiles where the whole would need too much
// memory.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "core/tensor.h"

namespace telescope::app {

/// An image [1,H,W,3] to an image [1, H scale, W scale, 3], of any H and W.
using ImageFunction = std::function<Tensor(const Tensor& x)>;

/// A side of a tile: pixels [first, first + size).
struct Stretch {
  std::int64_t first = 0, size = 0;
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

/// Tiles of at most `side` pixels (a multiple of 16, at least 64), of one size but for the last.
/// They begin at multiples of 16, so that strided convolutions and Winograd's tiles fall where they
/// fall in the whole picture.
struct Tiling {
  std::int64_t side = 0;   ///< 0: the picture is one tile
  std::int64_t reach = 0;  ///< how many pixels away an output pixel looks by its convolutions
  std::int64_t scale = 1;
  bool local = false;  ///< nothing but convolutions: no statistics that are a tile's own

  /// Pixels that neighbours share at least: both reaches, and to go over from one to the other 32,
  /// or a quarter of a tile where their tones may differ; at most half a tile in all.
  std::int64_t overlap() const;
  /// Pixels along the border of a tile that are not used where another tile has them.
  std::int64_t margin() const;
  /// The tiles along an extent.
  std::vector<Stretch> cut(std::int64_t extent) const;
  /// How many tiles a picture of that size has.
  std::int64_t count(std::int64_t height, std::int64_t width) const;
};

/// Weights of every tile at every output pixel along one extent, weights[tile][pixel of the tile].
/// They sum to 1 at every pixel: with u_k going smoothly from 0 to 1 in what tiles k - 1 and k share,
/// margins left out, the weight of tile k is u_k - u_{k+1}.
std::vector<std::vector<float>> blending_weights(const std::vector<Stretch>& tiles,
                                                 const Tiling& tiling);

/// f(x), tile by tile; x and the result are on the host, f gets and gives tensors of `device`. Where
/// f is local, as convolutions are, and tiles are at least 8 reaches wide, this is f(x) to rounding;
/// where it takes statistics of all it sees (layer norm, group norm, attention), those of the tile
/// stand in for those of the picture. Either way there are no seams.
Tensor apply_in_tiles(const ImageFunction& f, const Tensor& x, const Tiling& tiling, Device device);

/// The greatest side for which f stays within `memory` bytes, by what it needs for a small image; at
/// most `most`, and 0 if the picture fits in one tile. Error that names what would do if nothing fits.
std::int64_t side_within(std::int64_t memory, std::int64_t most, const ImageFunction& f,
                         std::int64_t height, std::int64_t width, Device device);

}  // namespace telescope::app
