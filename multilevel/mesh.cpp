// SPDX-License-Identifier: MIT
#include "multilevel/mesh.h"

namespace telescope {

void check_meshes(std::int64_t height, std::int64_t width, int meshes) {
  TELESCOPE_CHECK(meshes >= 1 && meshes <= 16, "meshes", "expected 1 to 16 meshes, got {}", meshes);
  const std::int64_t spacing = Mesh{meshes - 1}.spacing();
  TELESCOPE_CHECK(
      height % spacing == 0 && width % spacing == 0 && height / spacing >= 2 &&
          width / spacing >= 2,
      "meshes",
      "{} meshes need images of a multiple of {} and at least {} pixels a side, got {}x{}", meshes,
      spacing, 2 * spacing, height, width);
}

}  // namespace telescope
