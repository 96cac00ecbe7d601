// SPDX-License-Identifier: MIT
// The gradient of the weights as the transposed product, dweight^T [R S C, K] = columns^T dy: a
// small matrix from a long sum over all pixels. Blocks therefore share out the pixels as well (split
// K): each writes the sums of its pixels to a workspace, and a second launch adds those in a fixed
// order. The gradient of the bias falls off as each block's dy passes by.
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/correlation.h"
#include "kernels/conv2d/gemm.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

struct Problem {
  Correlation p;
  Divisor out_w, out_h;
  int slab;  // pixels of a split
};

// Chunks of pixels: in `a` the elements of their windows, in `b` dy. A thread keeps its element of the
// window and its channel of dy through all chunks.
template <int bm, int bn, int width, class T>
class PixelLoader {
 public:
  using Tile = GemmTile<bm, bn>;

  __device__ PixelLoader(const Problem& problem, int first_pixel, int end, int first_d, int first_k,
                         const T* x, const T* dy)
      : problem_(problem), pixel_(first_pixel), end_(end), x_(x) {
    const Correlation& p = problem.p;
    const int d = first_d + a_lane() * width, k = first_k + b_lane() * width;
    const int c = d % p.c, s = d / p.c % p.s, r = d / p.c / p.s;
    has_window_ = r < p.r, has_dy_ = k < p.k;
    row_ = r - p.top, column_ = s - p.left, c_ = c;
    dy_ = dy + k;
  }

  __device__ __forceinline__ void fetch() {
    const Correlation& p = problem_.p;
    TELESCOPE_UNROLL
    for (int i = 0; i < a_loads; ++i) {
      const int m = pixel_ + a_row() + i * a_rows;
      const int line = problem_.out_w.quotient(m), image = problem_.out_h.quotient(line);
      const int row = (line - image * p.out_h) * p.stride + row_;
      const int column = (m - line * p.out_w) * p.stride + column_;
      const bool seen = has_window_ && m < end_ &&
                        static_cast<unsigned>(row) < static_cast<unsigned>(p.h) &&
                        static_cast<unsigned>(column) < static_cast<unsigned>(p.w);
      take(a_[i], seen, x_ + ((std::int64_t{image} * p.h + row) * p.w + column) * p.c + c_);
    }
    TELESCOPE_UNROLL
    for (int i = 0; i < b_loads; ++i) {
      const int m = pixel_ + b_row() + i * b_rows;
      take(b_[i], has_dy_ && m < end_, dy_ + std::int64_t{m} * p.k);
      TELESCOPE_UNROLL
      for (int q = 0; q < width; ++q) dy_sum_[q] += b_[i][q];
    }
    pixel_ += Tile::depth;
  }

  __device__ __forceinline__ void put(typename Tile::Stage& stage) const {
    TELESCOPE_UNROLL
    for (int i = 0; i < a_loads; ++i) {
      put_run(&stage.a[a_row() + i * a_rows][a_lane() * width], a_[i]);
    }
    TELESCOPE_UNROLL
    for (int i = 0; i < b_loads; ++i) {
      put_run(&stage.b[b_row() + i * b_rows][b_lane() * width], b_[i]);
    }
  }

  // The sums over the block's pixels of the bn channels of dy to partial[0], ..., as far as below n.
  __device__ void store_dy_sums(Tile& tile, int n, float* partial) const {
    auto& rows = tile.stages[0].b;
    __syncthreads();  // the last chunk may still be read
    put_run(&rows[b_row()][b_lane() * width], dy_sum_);
    __syncthreads();
    for (int k = static_cast<int>(threadIdx.x); k < bn && k < n; k += Tile::threads) {
      float sum = 0;
      for (int i = 0; i < b_rows; ++i) sum += rows[i][k];
      partial[k] = sum;
    }
  }

 private:
  static constexpr int a_lanes = bm / width, a_rows = Tile::threads / a_lanes;
  static constexpr int b_lanes = bn / width, b_rows = Tile::threads / b_lanes;
  static constexpr int a_loads = Tile::depth / a_rows, b_loads = Tile::depth / b_rows;
  static_assert(a_rows >= 1 && b_rows <= Tile::depth, "every thread has an element of each row");

  static __device__ int a_lane() { return static_cast<int>(threadIdx.x) % a_lanes; }
  static __device__ int a_row() { return static_cast<int>(threadIdx.x) / a_lanes; }
  static __device__ int b_lane() { return static_cast<int>(threadIdx.x) % b_lanes; }
  static __device__ int b_row() { return static_cast<int>(threadIdx.x) / b_lanes; }

  static __device__ __forceinline__ void take(float (&to)[width], bool seen, const T* from) {
    Pack<T, width> values{};
    if (seen) values = load<width>(from);
    TELESCOPE_UNROLL
    for (int q = 0; q < width; ++q) to[q] = static_cast<float>(values[q]);
  }
  static __device__ __forceinline__ void put_run(float* to, const float (&from)[width]) {
    Pack<float, width> values;
    TELESCOPE_UNROLL
    for (int q = 0; q < width; ++q) values[q] = from[q];
    store(to, values);
  }

  const Problem& problem_;
  int pixel_, end_;
  const T* x_;
  const T* dy_;
  bool has_window_, has_dy_;
  int row_, column_, c_;
  float dy_sum_[width] = {};
  float a_[a_loads][width], b_[b_loads][width];
};

// Block (x, y, z): tile x of the window's elements, tile y of K, slab z of the pixels. partial
// [slabs, K, R S C], bias_partial [slabs, K]; either may be null.
template <int bm, int bn, int width, class T>
__global__ void __launch_bounds__(bm* bn / 64)
    implicit_gemm_weight_kernel(const Problem problem, const T* __restrict__ x,
                                const T* __restrict__ dy, float* __restrict__ partial,
                                float* __restrict__ bias_partial) {
  const Correlation& p = problem.p;
  auto& tile = shared<GemmTile<bm, bn>>();
  const int first_d = static_cast<int>(blockIdx.x) * bm,
            first_k = static_cast<int>(blockIdx.y) * bn;
  const int first = static_cast<int>(blockIdx.z) * problem.slab;
  const int end = min(first + problem.slab, p.windows());
  const GemmPlace<bm, bn> place(static_cast<int>(threadIdx.x));
  PixelLoader<bm, bn, width, T> loader(problem, first, end, first_d, first_k, x, dy);
  constexpr int depth = GemmTile<bm, bn>::depth;
  float sum[8][8] = {};
  block_product(tile, place, (end - first + depth - 1) / depth, loader, sum);

  if (bias_partial && blockIdx.x == 0) {
    loader.store_dy_sums(tile, p.k - first_k,
                         bias_partial + std::int64_t{blockIdx.z} * p.k + first_k);
  }
  if (!partial) return;
  const int elements = p.r * p.s * p.c;
  TELESCOPE_UNROLL
  for (int j = 0; j < 8; ++j) {
    const int k = first_k + place.column(j);
    if (k >= p.k) continue;
    float* const to = partial + (std::int64_t{blockIdx.z} * p.k + k) * elements;
    TELESCOPE_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int d = first_d + place.row(4 * half);
      if (width == 4 && d + 4 <= elements) {
        store(to + d, Pack<float, 4>{{sum[4 * half][j], sum[4 * half + 1][j], sum[4 * half + 2][j],
                                      sum[4 * half + 3][j]}});
      } else {
        TELESCOPE_UNROLL
        for (int i = 0; i < 4; ++i) {
          if (d + i < elements) to[d + i] = sum[4 * half + i][j];
        }
      }
    }
  }
}

template <int bm, int bn, int width, class T>
void weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                     float* dweight, float* dbias) {
  const Correlation p = correlation_of(shape);
  const std::int64_t weights = shape.weight_shape().numel();
  constexpr int depth = GemmTile<bm, bn>::depth, least_slab = 8 * depth;
  const unsigned tiles_d = dweight ? blocks_for(p.pitch_k, bm) : 1, tiles_k = blocks_for(p.k, bn);
  const int wanted =
      splits_for(std::int64_t{tiles_d} * tiles_k, blocks_for(p.windows(), least_slab), weights);
  const int slab = static_cast<int>(blocks_for(blocks_for(p.windows(), wanted), depth)) * depth;
  const int splits = static_cast<int>(blocks_for(p.windows(), slab));

  const Workspace<float> partial(dweight ? splits * weights : 0, stream.device());
  const Workspace<float> bias_partial(dbias ? std::int64_t{splits} * p.k : 0, stream.device());
  launch<implicit_gemm_weight_kernel<bm, bn, width, T>>(
      stream, dim3(tiles_d, tiles_k, static_cast<unsigned>(splits)), GemmTile<bm, bn>::threads, 0,
      Problem{p, Divisor(p.out_w), Divisor(p.out_h), slab}, x, dy,
      dweight ? partial.data() : nullptr, dbias ? bias_partial.data() : nullptr);
  if (dweight) add_partials(stream, splits, weights, partial.data(), dweight);
  if (dbias) add_partials(stream, splits, p.k, bias_partial.data(), dbias);
}

}  // namespace

template <class T>
void implicit_gemm_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x,
                                   const T* dy, float* dweight, float* dbias) {
  const bool vectors = shape.c % 4 == 0 && shape.k % 4 == 0 && aligned_to(4 * sizeof(T), x, dy);
  if (!vectors) return weight_gradient<64, 64, 1>(stream, shape, x, dy, dweight, dbias);
  if (shape.k <= 32) return weight_gradient<128, 32, 4>(stream, shape, x, dy, dweight, dbias);
  weight_gradient<128, 64, 4>(stream, shape, x, dy, dweight, dbias);
}

template void implicit_gemm_weight_gradient(const Stream&, const Conv2dShape&, const float*,
                                            const float*, float*, float*);
template void implicit_gemm_weight_gradient(const Stream&, const Conv2dShape&, const bfloat16*,
                                            const bfloat16*, float*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
