// SPDX-License-Identifier: MIT
// A band of rows of one image, and the memory in which its maps are blurred.
#pragma once

#include <cstdint>

#include "kernels/ssim/ssim.h"

namespace telescope::kernels {

template <class T>
struct SsimBand {
  SsimBand(const SsimShape& shape, std::int64_t how_many_maps)
      : maps(how_many_maps),
        length(shape.width * shape.channels),
        step(shape.channels),
        height(shape.height) {
    const auto window = ssim_window();
    for (std::size_t i = 0; i < window.size(); ++i) weights[i] = static_cast<T>(window[i]);
  }

  std::int64_t maps, length, step, height;  // of a row and of a pixel, in elements; of the image
  std::int64_t begin = 0, end = 0;          // rows of the band
  T weights[ssim_reach + 1];
  T* rows = nullptr;    // [end - begin + 2 ssim_reach, maps, length], blurred along the rows
  T* padded = nullptr;  // [maps, padded_length()], one row of each map

  std::int64_t padded_length() const { return length + 2 * ssim_reach * step; }
  /// Row y of all maps; y from begin - ssim_reach on.
  T* row(std::int64_t y) const { return rows + (y - begin + ssim_reach) * maps * length; }
  /// Where the elements of a map begin in its padded row.
  T* map(std::int64_t i) const { return padded + i * padded_length() + ssim_reach * step; }
};

}  // namespace telescope::kernels
