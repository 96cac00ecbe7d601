// SPDX-License-Identifier: MIT
// Bound by memory: 12 bytes an element. A block works on a piece of one sample, so that t is read
// once a thread and no index is divided; samples lie along y, and stride where there are more than a
// grid may have. Rounded operation by operation: the bits of the CPU.
#include "kernels/host_device.h"
#include "kernels/mix/mix.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256;

template <int width, class T>
__global__ void mix_kernel(std::int64_t n, std::int64_t size, const T* t, const T* a, const T* b,
                           T* y) {
  using rounded::product, rounded::sum;
  const std::int64_t j = grid_thread() * width;
  if (j >= size) return;
  for (std::int64_t sample = blockIdx.y; sample < n; sample += gridDim.y) {
    const auto share = static_cast<float>(t[sample]), rest = 1 - share;
    const std::int64_t at = sample * size + j;
    const auto left = load<width>(a + at), right = load<width>(b + at);
    Pack<T, width> result;
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      result[k] = static_cast<T>(sum(product(share, static_cast<float>(left[k])),
                                     product(rest, static_cast<float>(right[k]))));
    }
    store(y + at, result);
  }
}

}  // namespace

template <class T>
void mix(const Stream& stream, std::int64_t n, std::int64_t size, const T* t, const T* a,
         const T* b, T* y) {
  with_width<T>(
      size % pack_width<T> == 0,
      [&]<int width>() {
        const dim3 grid(blocks_for(size / width, threads), blocks_for(n, 1, 65535));
        launch<mix_kernel<width, T>>(stream, grid, threads, 0, n, size, t, a, b, y);
      },
      a, b, y);
}

template void mix(const Stream&, std::int64_t, std::int64_t, const float*, const float*,
                  const float*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
