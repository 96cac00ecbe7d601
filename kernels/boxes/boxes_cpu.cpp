// SPDX-License-Identifier: MIT
#include <algorithm>

#include "core/parallel.h"
#include "kernels/boxes/box.h"

namespace telescope::kernels::cpu {

template <class T>
void random_boxes(const Stream&, const RandomKey& key, const BoxesShape& s, T* mask) {
  parallel_for(s.n, 1, [&](std::int64_t i, std::int64_t end) {
    for (; i < end; ++i) {
      T* picture = mask + i * s.h * s.w * s.c;
      std::fill_n(picture, s.h * s.w * s.c, T{1});
      for (std::int64_t b = 0; b < s.boxes; ++b) {
        const Box box = random_box(key, s, i * s.boxes + b);
        for (std::int64_t r = box.top; r < box.bottom; ++r) {
          std::fill_n(picture + (r * s.w + box.left) * s.c, (box.right - box.left) * s.c, T{0});
        }
      }
    }
  });
}

template void random_boxes(const Stream&, const RandomKey&, const BoxesShape&, float*);
template void random_boxes(const Stream&, const RandomKey&, const BoxesShape&, double*);

}  // namespace telescope::kernels::cpu
