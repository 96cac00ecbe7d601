// SPDX-License-Identifier: MIT
// The gradient of the weights by tiles: a block keeps the weights of 32 output channels, a few input
// channels and all taps in its registers, 4 x 8 of one tap a thread, and walks over tiles of 8 x 8
// pixels. Each tile of the image, with its halo, is loaded once for all taps. The pixels are shared
// out among blocks, whose sums a second launch adds in a fixed order. What is left to gain: the
// number of threads hangs on the number of taps, and a tile is not loaded while the one before is
// summed.
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/correlation.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int tile = 8, tile_pixels = tile * tile, tile_k = 32, most_threads = 256;
constexpr std::size_t most_shared = 48 * 1024;

// dy [tile_pixels][tile_k] in shared memory, and behind it the image [rows][columns][chunk]. A
// thread has 4 input channels of one tap, and 8 output channels: chunk threads for each tap.
struct Layout {
  int chunk, rows, columns;
  int taps;                   // of a block
  int tiles_x, tiles_y;       // of an image
  int groups_c, groups_tap;   // of blocks
  int tiles, tiles_of_split;  // of all images
  constexpr int image() const { return rows * columns * chunk; }
  std::size_t bytes() const {
    return sizeof(float) * static_cast<std::size_t>(tile_pixels * tile_k + image());
  }
  int threads() const { return (taps * chunk + 31) / 32 * 32; }
};

Layout layout_of(const Correlation& p) {
  Layout layout{};
  const int taps = p.r * p.s;
  layout.rows = (tile - 1) * p.stride + p.r, layout.columns = (tile - 1) * p.stride + p.s;
  layout.chunk = p.c <= 4 ? 4 : 8;
  while (layout.chunk < 32 && layout.chunk < p.c && 2 * layout.chunk * taps <= most_threads)
    layout.chunk *= 2;
  while (layout.chunk > 4 && layout.bytes() > most_shared) layout.chunk /= 2;
  TELESCOPE_CHECK(
      layout.bytes() <= most_shared, "conv2d",
      "the variant tiled keeps a tile in {} bytes of shared memory; a kernel of {} x {} "
      "with a stride of {} asks for {}",
      most_shared, p.r, p.s, p.stride, layout.bytes());
  layout.taps = std::min(taps, most_threads / layout.chunk);
  layout.tiles_x = (p.out_w + tile - 1) / tile, layout.tiles_y = (p.out_h + tile - 1) / tile;
  layout.groups_c = (p.c + layout.chunk - 1) / layout.chunk;
  layout.groups_tap = (taps + layout.taps - 1) / layout.taps;
  layout.tiles = p.n * layout.tiles_y * layout.tiles_x;
  return layout;
}

// Pixels of dy behind the last row or column are zero, and so count for nothing.
template <class T>
__device__ void load_tile(const Correlation& p, const Layout& layout, int number, int first_c,
                          int first_k, const T* x, const T* dy, float* image, float* gradient) {
  const int across = number / layout.tiles_x, n = across / layout.tiles_y;
  const int first_row = across % layout.tiles_y * tile,
            first_column = number % layout.tiles_x * tile;
  const int thread = static_cast<int>(threadIdx.x), threads = static_cast<int>(blockDim.x);
  for (int e = thread; e < layout.image(); e += threads) {
    const int c = first_c + e % layout.chunk, pixel = e / layout.chunk;
    const int row = first_row * p.stride - p.top + pixel / layout.columns;
    const int column = first_column * p.stride - p.left + pixel % layout.columns;
    const bool inside = row >= 0 && row < p.h && column >= 0 && column < p.w && c < p.c;
    const std::int64_t at = ((std::int64_t{n} * p.h + row) * p.w + column) * p.c + c;
    image[e] = inside ? static_cast<float>(x[at]) : 0.f;
  }
  for (int e = thread; e < tile_pixels * tile_k; e += threads) {
    const int k = first_k + e % tile_k, pixel = e / tile_k;
    const int row = first_row + pixel / tile, column = first_column + pixel % tile;
    const bool inside = row < p.out_h && column < p.out_w && k < p.k;
    const std::int64_t at = ((std::int64_t{n} * p.out_h + row) * p.out_w + column) * p.k + k;
    gradient[e] = inside ? static_cast<float>(dy[at]) : 0.f;
  }
}

// sum[i][j] += over the tile's pixels x[channel i] dy[channel j]; `window` is the thread's tap of the
// tile's first window.
__device__ __forceinline__ void add_tile(const Correlation& p, const Layout& layout,
                                         const float* window, const float* gradient,
                                         float (&sum)[4][8]) {
  for (int row = 0; row < tile; ++row) {
    for (int column = 0; column < tile; ++column, gradient += tile_k) {
      const auto a = load<4>(window + (row * layout.columns + column) * p.stride * layout.chunk);
      const auto low = load<4>(gradient), high = load<4>(gradient + 4);
      TELESCOPE_UNROLL
      for (int i = 0; i < 4; ++i) {
        TELESCOPE_UNROLL
        for (int j = 0; j < 4; ++j) {
          sum[i][j] = fmaf(a[i], low[j], sum[i][j]);
          sum[i][4 + j] = fmaf(a[i], high[j], sum[i][4 + j]);
        }
      }
    }
  }
}

// Block (x, y): split x of the tiles; y counts input channels, taps and output channels, in groups.
// partial [splits, K, R, S, C], bias_partial [splits, K]; either may be null.
template <class T>
__global__ void __launch_bounds__(most_threads)
    tiled_weight_kernel(const Correlation p, const Layout layout, const T* __restrict__ x,
                        const T* __restrict__ dy, float* __restrict__ partial,
                        float* __restrict__ bias_partial) {
  float* const gradient = dynamic_shared<float>();
  float* const image = gradient + tile_pixels * tile_k;
  const int group = static_cast<int>(blockIdx.y), split = static_cast<int>(blockIdx.x);
  const int group_c = group % layout.groups_c,
            group_tap = group / layout.groups_c % layout.groups_tap;
  const int first_c = group_c * layout.chunk, first_tap = group_tap * layout.taps;
  const int first_k = group / layout.groups_c / layout.groups_tap * tile_k;

  const int thread = static_cast<int>(threadIdx.x), part = thread % layout.chunk;
  const int tap = first_tap + thread / layout.chunk, c = part / 4 * 4, k = part % 4 * 8;
  const bool works = thread / layout.chunk < layout.taps && tap < p.r * p.s;
  const int origin = (tap / p.s * layout.columns + tap % p.s) * layout.chunk + c;
  const bool sums_bias = bias_partial && group_c == 0 && group_tap == 0;

  float sum[4][8] = {}, bias = 0;
  const int end = min((split + 1) * layout.tiles_of_split, layout.tiles);
  for (int number = split * layout.tiles_of_split; number < end; ++number) {
    __syncthreads();  // the tile before may still be read
    load_tile(p, layout, number, first_c, first_k, x, dy, image, gradient);
    __syncthreads();
    if (works) add_tile(p, layout, image + origin, gradient + k, sum);
    if (sums_bias && thread < tile_k) {
      for (int pixel = 0; pixel < tile_pixels; ++pixel) bias += gradient[pixel * tile_k + thread];
    }
  }
  if (sums_bias && thread < tile_k && first_k + thread < p.k) {
    bias_partial[std::int64_t{split} * p.k + first_k + thread] = bias;
  }
  if (!partial || !works) return;
  for (int j = 0; j < 8 && first_k + k + j < p.k; ++j) {
    float* const to =
        partial + ((std::int64_t{split} * p.k + first_k + k + j) * p.r * p.s + tap) * p.c;
    TELESCOPE_UNROLL
    for (int i = 0; i < 4; ++i) {
      if (first_c + c + i < p.c) to[first_c + c + i] = sum[i][j];
    }
  }
}

}  // namespace

template <class T>
void tiled_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                           float* dweight, float* dbias) {
  const Correlation p = correlation_of(shape);
  Layout layout = layout_of(p);
  const std::int64_t weights = shape.weight_shape().numel();
  const std::int64_t groups =
      std::int64_t{layout.groups_c} * layout.groups_tap * blocks_for(p.k, tile_k);
  const int wanted = splits_for(groups, layout.tiles, weights);
  layout.tiles_of_split = (layout.tiles + wanted - 1) / wanted;
  const int splits = (layout.tiles + layout.tiles_of_split - 1) / layout.tiles_of_split;

  const Workspace<float> partial(dweight ? splits * weights : 0, stream.device());
  const Workspace<float> bias_partial(dbias ? std::int64_t{splits} * p.k : 0, stream.device());
  const dim3 grid(static_cast<unsigned>(splits), blocks_for(groups, 1));
  launch<tiled_weight_kernel<T>>(
      stream, grid, static_cast<unsigned>(layout.threads()), layout.bytes(), p, layout, x, dy,
      dweight ? partial.data() : nullptr, dbias ? bias_partial.data() : nullptr);
  if (dweight) add_partials(stream, splits, weights, partial.data(), dweight);
  if (dbias) add_partials(stream, splits, p.k, bias_partial.data(), dbias);
}

template void tiled_weight_gradient(const Stream&, const Conv2dShape&, const float*, const float*,
                                    float*, float*);
template void tiled_weight_gradient(const Stream&, const Conv2dShape&, const bfloat16*,
                                    const bfloat16*, float*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
