// SPDX-License-Identifier: MIT
// The second step: what a block needs is loaded once, to shared memory, and used by all its threads.
//
// A block computes 8 x 16 pixels of 32 channels. For a few input channels at a time it loads the tile
// of the image that these pixels see, with its halo, and the weights; each thread then holds 4
// pixels x 8 channels in registers, so that 6 loads from shared memory pay for 32 products, where
// `naive` loads two values from the caches for each. What is left to gain: tiles fit images, not
// pixels, and are mostly empty on small meshes; 4 x 8 sums a thread are few; and every chunk of
// channels waits for its loads.
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/correlation.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int tile_h = 8, tile_w = 16, tile_k = 32, threads = 128;
constexpr int pixels = 4, channels = 8;   // of a thread
constexpr int weight_pitch = tile_k + 4;  // keeps the writes of 8 channels off one another's banks
constexpr std::size_t most_shared = 48 * 1024;

// The image tile in shared memory, [chunk][rows][columns], and the weights behind it, [tap][chunk]
// [weight_pitch].
struct Layout {
  int chunk, rows, columns, plane;
  int tiles_x, tiles_y;  // of an image

  std::size_t bytes(int taps) const {
    return sizeof(float) * static_cast<std::size_t>(weights() + taps * chunk * weight_pitch);
  }
  constexpr int weights() const { return (chunk * plane + 3) / 4 * 4; }
};

// As many channels at a time as fit. Error where not even one does.
Layout layout_of(const Correlation& p) {
  const int taps = p.r * p.s;
  Layout layout{};
  layout.rows = (tile_h - 1) * p.stride + std::max(p.r, 1);
  layout.columns = (tile_w - 1) * p.stride + std::max(p.s, 1);
  layout.plane = layout.rows * layout.columns | 1;  // odd: channels begin at other banks
  layout.tiles_x = (p.out_w + tile_w - 1) / tile_w;
  layout.tiles_y = (p.out_h + tile_h - 1) / tile_h;
  layout.chunk = p.c <= 4 ? 4 : 8;
  while (layout.chunk > 1 && layout.bytes(taps) > most_shared) layout.chunk /= 2;
  TELESCOPE_CHECK(
      layout.bytes(taps) <= most_shared, "conv2d",
      "the variant tiled keeps a tile in {} bytes of shared memory; a kernel of {} x {} "
      "with a stride of {} asks for {}",
      most_shared, p.r, p.s, p.stride, layout.bytes(taps));
  return layout;
}

struct Block {
  int image, row, column, first_k;  // of its first output
};

template <class T>
__device__ void load_image(const Correlation& p, const Layout& layout, const Block& block,
                           int first_c, const T* x, float* to) {
  const int elements = layout.rows * layout.columns * layout.chunk;
  for (int e = static_cast<int>(threadIdx.x); e < elements; e += threads) {
    const int c = e % layout.chunk, pixel = e / layout.chunk;
    const int row = block.row * p.stride - p.top + pixel / layout.columns;
    const int column = block.column * p.stride - p.left + pixel % layout.columns;
    const bool inside = row >= 0 && row < p.h && column >= 0 && column < p.w && first_c + c < p.c;
    const std::int64_t at =
        ((std::int64_t{block.image} * p.h + row) * p.w + column) * p.c + first_c + c;
    to[c * layout.plane + pixel] = inside ? static_cast<float>(x[at]) : 0.f;
  }
}

__device__ void load_weights(const Correlation& p, const Layout& layout, const Block& block,
                             int first_c, const float* weight, float* to) {
  const int elements = p.r * p.s * tile_k * layout.chunk;
  for (int e = static_cast<int>(threadIdx.x); e < elements; e += threads) {
    const int c = e % layout.chunk, k = e / layout.chunk % tile_k, tap = e / layout.chunk / tile_k;
    const bool inside = first_c + c < p.c && block.first_k + k < p.k;
    const std::int64_t at = p.first + (block.first_k + k) * p.pitch_k + tap / p.s * p.pitch_r +
                            tap % p.s * p.pitch_s + first_c + c;
    to[(tap * layout.chunk + c) * weight_pitch + k] = inside ? weight[at] : 0.f;
  }
}

// A thread's 4 pixels are 4 columns apart, its channels 4 and 4, 16 apart: so a warp reads
// neighbouring columns and neighbouring channels.
struct Place {
  int row, column, k;
  __device__ explicit Place(int thread)
      : row(thread / 16), column(thread / 4 % 4), k(thread % 4 * 4) {}
  __device__ int column_of(int i) const { return column + 4 * i; }
  __device__ int k_of(int j) const { return k + j / 4 * (tile_k / 2) + j % 4; }
};

// sum[i][j] += over the taps and the first `count` channels of the chunk.
__device__ __forceinline__ void add_chunk(const Correlation& p, const Layout& layout,
                                          const Place& place, int count, const float* image,
                                          const float* weights, float (&sum)[pixels][channels]) {
  image += place.row * p.stride * layout.columns + place.column * p.stride;
  weights += place.k;
  for (int r = 0; r < p.r; ++r) {
    for (int s = 0; s < p.s; ++s, weights += layout.chunk * weight_pitch) {
      for (int c = 0; c < count; ++c) {
        const float* const from = image + c * layout.plane + r * layout.columns + s;
        const auto low = load<4>(weights + c * weight_pitch);
        const auto high = load<4>(weights + c * weight_pitch + tile_k / 2);
        TELESCOPE_UNROLL
        for (int i = 0; i < pixels; ++i) {
          const float value = from[4 * i * p.stride];
          TELESCOPE_UNROLL
          for (int j = 0; j < 4; ++j) {
            sum[i][j] = fmaf(value, low[j], sum[i][j]);
            sum[i][4 + j] = fmaf(value, high[j], sum[i][4 + j]);
          }
        }
      }
    }
  }
}

template <class T>
__global__ void __launch_bounds__(threads)
    tiled_kernel(const Correlation p, const Layout layout, const T* __restrict__ x,
                 const float* __restrict__ weight, const float* __restrict__ bias,
                 T* __restrict__ y) {
  float* const image = dynamic_shared<float>();
  float* const weights = image + layout.weights();
  const int tile = static_cast<int>(blockIdx.x), across = tile / layout.tiles_x;
  const Block block{across / layout.tiles_y, across % layout.tiles_y * tile_h,
                    tile % layout.tiles_x * tile_w, static_cast<int>(blockIdx.y) * tile_k};
  const Place place(static_cast<int>(threadIdx.x));
  float sum[pixels][channels] = {};
  for (int first_c = 0; first_c < p.c; first_c += layout.chunk) {
    __syncthreads();  // the chunk before may still be read
    load_image(p, layout, block, first_c, x, image);
    load_weights(p, layout, block, first_c, weight, weights);
    __syncthreads();
    add_chunk(p, layout, place, min(layout.chunk, p.c - first_c), image, weights, sum);
  }
  TELESCOPE_UNROLL
  for (int i = 0; i < pixels; ++i) {
    const int row = block.row + place.row, column = block.column + place.column_of(i);
    if (row >= p.out_h || column >= p.out_w) continue;
    T* const to = y + p.target((block.image * p.out_h + row) * p.out_w + column) * p.k;
    TELESCOPE_UNROLL
    for (int j = 0; j < channels; ++j) {
      const int k = block.first_k + place.k_of(j);
      if (k < p.k) to[k] = static_cast<T>(sum[i][j] + (bias ? bias[k] : 0.f));
    }
  }
}

template <class T>
void correlate(const Stream& stream, const Correlation& p, const T* x, const float* weight,
               const float* bias, T* y) {
  const Layout layout = layout_of(p);
  const std::int64_t tiles = std::int64_t{p.n} * layout.tiles_y * layout.tiles_x;
  launch<tiled_kernel<T>>(stream, dim3(blocks_for(tiles, 1), blocks_for(p.k, tile_k)), threads,
                          layout.bytes(p.r * p.s), p, layout, x, weight, bias, y);
}

}  // namespace

template <class T>
void tiled_forward(const Stream& stream, const Conv2dShape& shape, const T* x, const float* weight,
                   const float* bias, T* y) {
  correlate(stream, correlation_of(shape), x, weight, bias, y);
}

template <class T>
void tiled_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                          const float* weight, T* dx) {
  const Workspace<float> transposed = transposed_weight(stream, shape, weight);
  for_input_gradient(shape, [&](const Correlations& all) {
    for (int i = 0; i < all.count; ++i) {
      correlate<T>(stream, all.of[i], dy, transposed.data(), nullptr, dx);
    }
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                         \
  template void tiled_forward(const Stream&, const Conv2dShape&, const T*, const float*, \
                              const float*, T*);                                         \
  template void tiled_input_gradient(const Stream&, const Conv2dShape&, const T*, const float*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
