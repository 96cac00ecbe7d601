// SPDX-License-Identifier: MIT
// Four bytes written an element. Every thread draws the boxes of its picture anew, some hundred
// instructions a pack of 16 bytes: no second launch, nothing kept.
#include "kernels/boxes/box.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

template <int width, class T>
__global__ void boxes_kernel(RandomKey key, BoxesShape s, T* __restrict__ mask) {
  const auto e = row_item() * width, length = static_cast<unsigned>(s.w * s.c);
  if (e >= length) return;
  for (std::int64_t row = first_row(); row < s.n * s.h; row += row_stride()) {
    const std::int64_t i = row / s.h, r = row - i * s.h;
    Pack<T, width> values;
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) values[k] = static_cast<T>(1.f);
    for (std::int64_t b = 0; b < s.boxes; ++b) {
      const Box box = random_box(key, s, i * s.boxes + b);
      TELESCOPE_UNROLL
      for (unsigned k = 0; k < width; ++k) {
        if (box.holds(r, (e + k) / static_cast<unsigned>(s.c))) values[k] = static_cast<T>(0.f);
      }
    }
    store(mask + row * length + e, values);
  }
}

}  // namespace

template <class T>
void random_boxes(const Stream& stream, const RandomKey& key, const BoxesShape& s, T* mask) {
  const std::int64_t length = s.w * s.c;
  with_width<T>(
      length % pack_width<T> == 0,
      [&]<int width>() {
        const RowGrid at(s.n * s.h, length / width);
        launch<boxes_kernel<width, T>>(stream, at.grid, at.block, 0, key, s, mask);
      },
      mask);
}

template void random_boxes(const Stream&, const RandomKey&, const BoxesShape&, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
