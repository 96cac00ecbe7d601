// SPDX-License-Identifier: MIT
// One random box, on hosts and in kernels.
#pragma once

#include <cstdint>

#include "core/philox.h"
#include "kernels/boxes/boxes.h"
#include "kernels/host_device.h"

namespace telescope::kernels {

/// Pixels [top, bottom) x [left, right).
struct Box {
  std::int64_t top = 0, bottom = 0, left = 0, right = 0;

  TELESCOPE_HOST_DEVICE bool holds(std::int64_t r, std::int64_t j) const {
    return r >= top && r < bottom && j >= left && j < right;
  }
};

/// Uniform among 0 .. n-1.
TELESCOPE_HOST_DEVICE inline std::int64_t below(std::uint32_t word, std::int64_t n) {
  return static_cast<std::int64_t>((std::uint64_t{word} * static_cast<std::uint64_t>(n)) >> 32);
}

TELESCOPE_HOST_DEVICE inline Box random_box(const RandomKey& key, const BoxesShape& s,
                                            std::int64_t index) {
  const auto side = [](std::uint32_t word, std::int64_t extent) {
    const std::int64_t least = (extent + 7) / 8, most = (extent + 1) / 2;
    return least + below(word, most - least + 1);
  };
  const PhiloxBlock words = key.words(static_cast<std::uint64_t>(index));
  const std::int64_t height = side(words[0], s.h), width = side(words[1], s.w);
  const std::int64_t top = below(words[2], s.h - height + 1),
                     left = below(words[3], s.w - width + 1);
  return {top, top + height, left, left + width};
}

}  // namespace telescope::kernels
