// SPDX-License-Identifier: MIT
// Bound by memory. A row belongs to a warp, eight of them to a block, so that short rows need no
// barrier; a row of more than 1024 elements belongs to a block. The second and third pass over a
// row find it in the first-level cache; both take the exponentials, so that none is kept rounded.
#include "kernels/softmax/softmax.h"

#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int block_threads = 256;

// The threads of a row: 32 of a warp, or the whole block.
template <int threads>
struct Team {
  static __device__ __forceinline__ std::int64_t row() {
    return std::int64_t{blockIdx.x} * (block_threads / threads) + threadIdx.x / threads;
  }
  static __device__ __forceinline__ int rank() { return static_cast<int>(threadIdx.x % threads); }
  template <class T>
  static __device__ __forceinline__ T sum(T value) {
    if constexpr (threads == 32) return warp_sum(value);
    return block_sum<threads>(value);
  }
  static __device__ __forceinline__ float max(float value) {
    if constexpr (threads == 32) return warp_max(value);
    return block_max<threads>(value);
  }
};

template <int width, int threads, class T>
__global__ void __launch_bounds__(block_threads)
    softmax_kernel(std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  using Row = Team<threads>;
  const std::int64_t row = Row::row(), first = Row::rank() * width;
  if (row >= rows) return;  // a whole warp, or nobody
  x += row * columns, y += row * columns;
  float most = -INFINITY;
  for (std::int64_t i = first; i < columns; i += threads * width) {
    const auto pack = load<width>(x + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      const auto value = static_cast<float>(pack[k]);
      most = value > most ? value : most;
    }
  }
  most = Row::max(most);
  double sum = 0;
  for (std::int64_t i = first; i < columns; i += threads * width) {
    const auto pack = load<width>(x + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) sum += double{expf(static_cast<float>(pack[k]) - most)};
  }
  const auto factor = static_cast<float>(1 / Row::sum(sum));
  for (std::int64_t i = first; i < columns; i += threads * width) {
    auto pack = load<width>(x + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      pack[k] = static_cast<T>(expf(static_cast<float>(pack[k]) - most) * factor);
    }
    store(y + i, pack);
  }
}

template <int width, int threads, class T>
__global__ void __launch_bounds__(block_threads)
    softmax_backward_kernel(std::int64_t rows, std::int64_t columns, const T* y, const T* dy,
                            T* dx) {
  using Row = Team<threads>;
  const std::int64_t row = Row::row(), first = Row::rank() * width;
  if (row >= rows) return;
  y += row * columns, dy += row * columns, dx += row * columns;
  double sum = 0;
  for (std::int64_t i = first; i < columns; i += threads * width) {
    const auto v = load<width>(y + i), g = load<width>(dy + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      sum += double{static_cast<float>(v[k])} * double{static_cast<float>(g[k])};
    }
  }
  const auto projection = static_cast<float>(Row::sum(sum));
  for (std::int64_t i = first; i < columns; i += threads * width) {
    const auto v = load<width>(y + i);
    auto g = load<width>(dy + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      g[k] = static_cast<T>(static_cast<float>(v[k]) * (static_cast<float>(g[k]) - projection));
    }
    store(dx + i, g);
  }
}

template <int width, class T>
void forward(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  if (columns <= 1024) {
    launch<softmax_kernel<width, 32, T>>(stream, blocks_for(rows, block_threads / 32),
                                         block_threads, 0, rows, columns, x, y);
  } else {
    launch<softmax_kernel<width, block_threads, T>>(stream, blocks_for(rows, 1), block_threads, 0,
                                                    rows, columns, x, y);
  }
}

template <int width, class T>
void backward(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* y,
              const T* dy, T* dx) {
  if (columns <= 1024) {
    launch<softmax_backward_kernel<width, 32, T>>(stream, blocks_for(rows, block_threads / 32),
                                                  block_threads, 0, rows, columns, y, dy, dx);
  } else {
    launch<softmax_backward_kernel<width, block_threads, T>>(
        stream, blocks_for(rows, 1), block_threads, 0, rows, columns, y, dy, dx);
  }
}

}  // namespace

template <class T>
void softmax(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* x, T* y) {
  constexpr int width = 16 / sizeof(T);
  if (columns % width == 0 && aligned_to(16, x, y)) {
    return forward<width>(stream, rows, columns, x, y);
  }
  forward<1>(stream, rows, columns, x, y);
}

template <class T>
void softmax_backward(const Stream& stream, std::int64_t rows, std::int64_t columns, const T* y,
                      const T* dy, T* dx) {
  constexpr int width = 16 / sizeof(T);
  if (columns % width == 0 && aligned_to(16, y, dy, dx)) {
    return backward<width>(stream, rows, columns, y, dy, dx);
  }
  backward<1>(stream, rows, columns, y, dy, dx);
}

#define TELESCOPE_INSTANTIATE(T)                                                  \
  template void softmax(const Stream&, std::int64_t, std::int64_t, const T*, T*); \
  template void softmax_backward(const Stream&, std::int64_t, std::int64_t, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
