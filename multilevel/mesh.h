// SPDX-License-Identifier: MIT
// Meshes are numbered from the finest: mesh 0 has width h, mesh l has width 2^l h.
#pragma once

#include <cmath>
#include <compare>
#include <cstdint>
#include <string>

#include "core/error.h"

namespace telescope {

struct Mesh {
  int level = 0;

  Mesh coarser() const { return {level + 1}; }
  /// Width of this mesh in widths of mesh 0: 2^l.
  std::int64_t spacing() const { return std::int64_t{1} << level; }
  /// Work units of one image on this mesh: 4^-l.
  double cost() const { return std::ldexp(1.0, -2 * level); }
  std::string str() const { return "mesh" + std::to_string(level); }
  friend auto operator<=>(const Mesh&, const Mesh&) = default;
};

/// Error unless images of height x width can be halved `meshes - 1` times without remainder, down
/// to at least 2 pixels: what restriction by a factor of two, the same on every mesh, needs.
void check_meshes(std::int64_t height, std::int64_t width, int meshes);

}  // namespace telescope
