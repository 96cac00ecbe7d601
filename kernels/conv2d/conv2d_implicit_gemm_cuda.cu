// SPDX-License-Identifier: MIT
// The third step: the convolution as one product of matrices, whose left matrix is never stored.
//
//   y [pixels, K] = columns [pixels, R S C] weight^T [R S C, K]
//
// Row m of `columns` is the window of pixel m, one run of C contiguous elements for each tap. What it
// adds over tiles of the image: a tile is cut from the joined pixels of all images, so that 128
// images of 16 x 16 fill a block as well as two of 128 x 128; each thread holds 8 x 8 sums, four
// loads from shared memory for 64 products (gemm.h); and memory is read ahead of the arithmetic. A
// pixel is read once for each of its R S windows, but from the caches; bound by arithmetic (FFMA)
// from about 32 channels on.
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/correlation.h"
#include "kernels/conv2d/gemm.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// Where the window of a row of the tile lies; rows behind the last window lie outside of any image.
struct Window {
  std::int64_t origin;  // element of its first pixel
  int row, column;
};

constexpr int outside = -(1 << 30);

__device__ __forceinline__ bool within(int i, int n) {
  return static_cast<unsigned>(i) < static_cast<unsigned>(n);
}

__device__ __forceinline__ Window window_of(const Correlation& p, int m) {
  if (m >= p.windows()) return {0, outside, outside};
  const int j = m % p.out_w, i = m / p.out_w % p.out_h, image = m / p.out_w / p.out_h;
  const int row = i * p.stride - p.top, column = j * p.stride - p.left;
  return {((std::int64_t{image} * p.h + row) * p.w + column) * p.c, row, column};
}

// Chunks of windows and of weights: `width` elements of consecutive channels at a time. Each thread
// loads the same elements of every chunk's rows, so that it has one tap and channel to keep.
template <int bm, int bn, int width, class T>
class WindowLoader {
 public:
  using Tile = GemmTile<bm, bn>;

  __device__ WindowLoader(const Correlation& p, const Window* windows, int first_k, const T* x,
                          const float* weight)
      : p_(p), windows_(windows), first_k_(first_k), x_(x), weight_(weight + p.first) {
    move(lane() * width);
  }

  __device__ __forceinline__ void fetch() {
    const bool inside = r_ < p_.r;
    const std::int64_t pixel = (std::int64_t{r_} * p_.w + s_) * p_.c + c_;
    TELESCOPE_UNROLL
    for (int i = 0; i < a_loads; ++i) {
      const Window window = windows_[row() + i * rows];
      const bool seen = inside && within(window.row + r_, p_.h) && within(window.column + s_, p_.w);
      take(a_[i], seen, x_ + window.origin + pixel);
    }
    const float* weights = weight_ + r_ * p_.pitch_r + s_ * p_.pitch_s + c_;
    TELESCOPE_UNROLL
    for (int i = 0; i < b_loads; ++i) {
      const int k = first_k_ + row() + i * rows;
      take(b_[i], inside && k < p_.k, weights + k * p_.pitch_k);
    }
    move(Tile::depth);
  }

  __device__ __forceinline__ void put(typename Tile::Stage& stage) const {
    TELESCOPE_UNROLL
    for (int q = 0; q < width; ++q) {
      TELESCOPE_UNROLL
      for (int i = 0; i < a_loads; ++i) stage.a[lane() * width + q][row() + i * rows] = a_[i][q];
      TELESCOPE_UNROLL
      for (int i = 0; i < b_loads; ++i) stage.b[lane() * width + q][row() + i * rows] = b_[i][q];
    }
  }

 private:
  static constexpr int lanes = Tile::depth / width, rows = Tile::threads / lanes;
  static constexpr int a_loads = bm / rows, b_loads = bn / rows;

  static __device__ int lane() { return static_cast<int>(threadIdx.x) % lanes; }
  static __device__ int row() { return static_cast<int>(threadIdx.x) / lanes; }

  template <class U>
  static __device__ __forceinline__ void take(float (&to)[width], bool seen, const U* from) {
    Pack<U, width> values{};
    if (seen) values = load<width>(from);
    TELESCOPE_UNROLL
    for (int q = 0; q < width; ++q) to[q] = static_cast<float>(values[q]);
  }

  // `by` elements on in the order (r, s, c); behind the last tap r is p.r.
  __device__ __forceinline__ void move(int by) {
    c_ += by;
    while (c_ >= p_.c && r_ < p_.r) {
      c_ -= p_.c;
      if (++s_ == p_.s) s_ = 0, ++r_;
    }
  }

  const Correlation& p_;
  const Window* windows_;
  int first_k_;
  const T* x_;
  const float* weight_;
  int r_ = 0, s_ = 0, c_ = 0;
  float a_[a_loads][width], b_[b_loads][width];
};

template <int bm, int bn>
struct CorrelationMemory {
  GemmTile<bm, bn> tile;
  Window windows[bm];
};

template <int bm, int bn, int width, class T>
__global__ void __launch_bounds__(bm* bn / 64)
    implicit_gemm_kernel(const Correlations correlations, const T* __restrict__ x,
                         const float* __restrict__ weight, const float* __restrict__ bias,
                         T* __restrict__ y) {
  const Correlation& p = correlations.of[blockIdx.z];
  const int first_m = static_cast<int>(blockIdx.x) * bm,
            first_k = static_cast<int>(blockIdx.y) * bn;
  if (first_m >= p.windows()) return;
  auto& memory = shared<CorrelationMemory<bm, bn>>();
  const int thread = static_cast<int>(threadIdx.x);
  for (int m = thread; m < bm; m += GemmTile<bm, bn>::threads) {
    memory.windows[m] = window_of(p, first_m + m);
  }
  __syncthreads();

  const GemmPlace<bm, bn> place(thread);
  WindowLoader<bm, bn, width, T> loader(p, memory.windows, first_k, x, weight);
  constexpr int depth = GemmTile<bm, bn>::depth;
  float sum[8][8] = {};
  block_product(memory.tile, place, (p.r * p.s * p.c + depth - 1) / depth, loader, sum);

  TELESCOPE_UNROLL
  for (int i = 0; i < 8; ++i) {
    const int m = first_m + place.row(i);
    if (m >= p.windows()) continue;
    T* const to = y + p.target(m) * p.k;
    TELESCOPE_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int k = first_k + place.column(4 * half);
      Pack<T, 4> values;
      TELESCOPE_UNROLL
      for (int j = 0; j < 4; ++j) {
        const float b = bias && k + j < p.k ? bias[k + j] : 0.f;
        values[j] = static_cast<T>(sum[i][4 * half + j] + b);
      }
      if (width == 4 && k + 4 <= p.k && p.k % 4 == 0) {
        store(to + k, values);
      } else {
        TELESCOPE_UNROLL
        for (int j = 0; j < 4; ++j) {
          if (k + j < p.k) to[k + j] = values[j];
        }
      }
    }
  }
}

template <int bm, int bn, int width, class T>
void launch_correlations(const Stream& stream, const Correlations& all, const T* x,
                         const float* weight, const float* bias, T* y) {
  int windows = 0;
  for (int i = 0; i < all.count; ++i) windows = std::max(windows, all.of[i].windows());
  const dim3 grid(blocks_for(windows, bm), blocks_for(all.of[0].k, bn),
                  static_cast<unsigned>(all.count));
  launch<implicit_gemm_kernel<bm, bn, width, T>>(stream, grid, GemmTile<bm, bn>::threads, 0, all, x,
                                                 weight, bias, y);
}

// Blocks of 128 pixels where they fill a GPU twice over, and half as many where they would not; half
// as many channels where there are no more.
template <int width, class T>
void correlate(const Stream& stream, const Correlations& all, const T* x, const float* weight,
               const float* bias, T* y) {
  constexpr std::int64_t filling = 264;
  const std::int64_t windows = std::int64_t{all.of[0].windows()} * all.count, k = all.of[0].k;
  if (k <= 32) {
    launch_correlations<128, 32, width>(stream, all, x, weight, bias, y);
  } else if (windows / 128 * ((k + 63) / 64) >= filling) {
    launch_correlations<128, 64, width>(stream, all, x, weight, bias, y);
  } else {
    launch_correlations<64, 64, width>(stream, all, x, weight, bias, y);
  }
}

template <class T>
void correlate(const Stream& stream, const Correlations& all, const T* x, const float* weight,
               const float* bias, T* y) {
  if (all.of[0].c % 4 == 0 && aligned_to(4 * sizeof(T), x, y) && aligned_to(16, weight)) {
    correlate<4>(stream, all, x, weight, bias, y);
  } else {
    correlate<1>(stream, all, x, weight, bias, y);
  }
}

}  // namespace

template <class T>
void implicit_gemm_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                           const float* weight, const float* bias, T* y) {
  Correlations all;
  all.of[all.count++] = correlation_of(shape);
  correlate(stream, all, x, weight, bias, y);
}

template <class T>
void implicit_gemm_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                                  const float* weight, T* dx) {
  const Workspace<float> transposed = transposed_weight(stream, shape, weight);
  for_input_gradient(shape, [&](const Correlations& all) {
    correlate<T>(stream, all, dy, transposed.data(), nullptr, dx);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void implicit_gemm_forward(const Stream&, const Conv2dShape&, const T*, const float*, \
                                      const float*, T*);                                         \
  template void implicit_gemm_input_gradient(const Stream&, const Conv2dShape&, const T*,        \
                                             const float*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
