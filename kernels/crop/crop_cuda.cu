// SPDX-License-Identifier: MIT
// Bound by memory: a byte read and four written an element. Reads are single bytes, which the
// first-level cache serves (a warp wants 128 neighbouring ones); writes are packs of 16 bytes.
#include "kernels/crop/crop.h"
#include "kernels/host_device.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

template <int width, class T>
__global__ void crop_kernel(CropShape s, const std::uint8_t* __restrict__ pictures,
                            const std::int64_t* __restrict__ crops, T* __restrict__ y) {
  const auto size = static_cast<unsigned>(s.size), e = row_item() * width;
  if (e >= 3 * size) return;
  for (std::int64_t row = first_row(); row < s.n * s.size; row += row_stride()) {
    const std::int64_t i = row / s.size, r = row - i * s.size;
    const std::int64_t *crop = crops + 4 * i, mirror = crop[3];
    const std::uint8_t* from = pictures + ((crop[0] * s.h + crop[1] + r) * s.w + crop[2]) * 3;
    Pack<T, width> values;
    TELESCOPE_UNROLL
    for (unsigned k = 0; k < width; ++k) {
      const unsigned j = (e + k) / 3, c = e + k - 3 * j;
      const float byte = from[3 * (mirror ? size - 1 - j : j) + c];
      values[k] = static_cast<T>(rounded::sum(rounded::quotient(byte, 127.5f), -1.f));
    }
    store(y + row * 3 * s.size + e, values);
  }
}

}  // namespace

template <class T>
void crop_pictures(const Stream& stream, const CropShape& s, const std::uint8_t* pictures,
                   const std::int64_t* crops, T* y) {
  const std::int64_t length = 3 * s.size;
  with_width<T>(
      length % pack_width<T> == 0,
      [&]<int width>() {
        const RowGrid at(s.n * s.size, length / width);
        launch<crop_kernel<width, T>>(stream, at.grid, at.block, 0, s, pictures, crops, y);
      },
      y);
}

template void crop_pictures(const Stream&, const CropShape&, const std::uint8_t*,
                            const std::int64_t*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
