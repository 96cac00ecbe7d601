// SPDX-License-Identifier: MIT
#include "core/error.h"
#include "core/parallel.h"
#include "kernels/crop/crop.h"

namespace telescope::kernels::cpu {

template <class T>
void crop_pictures(const Stream&, const CropShape& s, const std::uint8_t* pictures,
                   const std::int64_t* crops, T* y) {
  for (std::int64_t i = 0; i < s.n; ++i) {
    const std::int64_t *crop = crops + 4 * i, top = crop[1], left = crop[2];
    TELESCOPE_CHECK(crop[0] >= 0 && crop[0] < s.count && top >= 0 && top <= s.h - s.size &&
                        left >= 0 && left <= s.w - s.size,
                    "crop",
                    "a crop of {0} x {0} at row {1}, column {2} of picture {3}; there are "
                    "{4} of {5} x {6}",
                    s.size, top, left, crop[0], s.count, s.h, s.w);
  }
  parallel_for(s.n * s.size, 64, [&](std::int64_t row, std::int64_t end) {
    for (; row < end; ++row) {
      const std::int64_t *crop = crops + row / s.size * 4, r = row % s.size;
      const std::uint8_t* from = pictures + ((crop[0] * s.h + crop[1] + r) * s.w + crop[2]) * 3;
      T* to = y + row * s.size * 3;
      for (std::int64_t j = 0; j < s.size; ++j) {
        const std::uint8_t* pixel = from + 3 * (crop[3] ? s.size - 1 - j : j);
        for (int c = 0; c < 3; ++c) *to++ = static_cast<float>(pixel[c]) / 127.5f - 1.f;
      }
    }
  });
}

template void crop_pictures(const Stream&, const CropShape&, const std::uint8_t*,
                            const std::int64_t*, float*);

}  // namespace telescope::kernels::cpu
