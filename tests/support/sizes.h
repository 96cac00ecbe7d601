// SPDX-License-Identifier: MIT
// Sizes that break tiles, by rule: one, odd, prime, tile - 1, tile, tile + 1, fewer channels than a
// vector, not square.
#pragma once

#include <cstdint>
#include <vector>

namespace telescope::test {

/// Lengths of flat arrays around vectors of 4, 8 and 16 lanes and around a thread's share.
inline const std::vector<std::int64_t> lengths = {1, 2, 3, 7, 15, 16, 17, 31, 33, 100, 1023, 40001};
/// Numbers of channels.
inline const std::vector<std::int64_t> channels = {1, 3, 5, 16, 17, 32, 100};

struct ImageSize {
  std::int64_t n, h, w;
};
inline const std::vector<ImageSize> images = {{1, 1, 1}, {2, 1, 5},   {1, 7, 3},
                                              {3, 8, 8}, {1, 13, 17}, {2, 16, 15}};

}  // namespace telescope::test
