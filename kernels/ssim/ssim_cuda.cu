// SPDX-License-Identifier: MIT
// A block has 32 x 16 pixels of one channel and what its window reaches in shared memory, where it is
// blurred along the rows; the blur across rows goes straight into the formula. No map but the slopes
// is in memory. Blocks of one place and all channels follow each other, so that the lines they share
// come out of a cache; the halo costs another factor of 2 in reads, from there too.
#include "kernels/ssim/ssim.h"

#include "kernels/simt/row_sums.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256, tile_x = 32, tile_y = 16, taps = 2 * ssim_reach + 1;
constexpr int reach_x = tile_x + 2 * ssim_reach, reach_y = tile_y + 2 * ssim_reach;

struct Window {
  float weights[taps];
};

Window window_of_floats() {
  const auto half = ssim_window();
  Window window;
  for (int i = 0; i < taps; ++i) {
    const auto distance =
        static_cast<std::size_t>(i < ssim_reach ? ssim_reach - i : i - ssim_reach);
    window.weights[i] = static_cast<float>(half[distance]);
  }
  return window;
}

// How an image is cut, blocks counted channel by channel, then along x, along y, and by samples.
struct Tiles {
  SsimShape shape;
  unsigned across, down;

  explicit Tiles(const SsimShape& images)
      : shape(images),
        across(static_cast<unsigned>((images.width + tile_x - 1) / tile_x)),
        down(static_cast<unsigned>((images.height + tile_y - 1) / tile_y)) {}
  std::int64_t per_sample() const { return shape.channels * across * down; }
  unsigned blocks() const { return static_cast<unsigned>(shape.n * per_sample()); }
};

// Where this block works.
struct Place {
  std::int64_t height, width, channels, sample, channel, x, y;

  __device__ explicit Place(const Tiles& tiles)
      : height(tiles.shape.height), width(tiles.shape.width), channels(tiles.shape.channels) {
    const auto many = static_cast<unsigned>(channels);
    const unsigned tile = blockIdx.x / many;
    channel = blockIdx.x % many;
    x = std::int64_t{tile % tiles.across} * tile_x;
    y = std::int64_t{tile / tiles.across % tiles.down} * tile_y;
    sample = tile / tiles.across / tiles.down;
  }
  __device__ bool inside(std::int64_t v, std::int64_t u) const {
    return v >= 0 && v < height && u >= 0 && u < width;
  }
  __device__ std::int64_t index(std::int64_t v, std::int64_t u) const {
    return ((sample * height + v) * width + u) * channels + channel;
  }
};

struct Halo {
  float v[reach_y * reach_x];
};
struct BlurredRows {
  float v[reach_y * tile_x];
};

// The tile and its halo; zeros outside the image.
template <class T>
__device__ __forceinline__ void load_halo(const Place& place, const T* image, Halo& halo) {
  for (int e = static_cast<int>(threadIdx.x); e < reach_y * reach_x; e += threads) {
    const std::int64_t v = place.y + e / reach_x - ssim_reach,
                       u = place.x + e % reach_x - ssim_reach;
    halo.v[e] = place.inside(v, u) ? static_cast<float>(image[place.index(v, u)]) : 0.f;
  }
}

__device__ __forceinline__ float blur_down(const Window& window, const BlurredRows& rows, int row,
                                           int column) {
  float sum = 0;
  TELESCOPE_UNROLL
  for (int i = 0; i < taps; ++i) {
    sum = fmaf(window.weights[i], rows.v[(row + i) * tile_x + column], sum);
  }
  return sum;
}

// --- forward --------------------------------------------------------------------------------------

struct ForwardMemory {
  Halo a, b;
  BlurredRows maps[5];  // of a, b, a a, b b, a b
};

__device__ __forceinline__ void blur_products_along(const Window& window, ForwardMemory& memory) {
  for (int e = static_cast<int>(threadIdx.x); e < reach_y * tile_x; e += threads) {
    const int first = e / tile_x * reach_x + e % tile_x;
    float sums[5] = {};
    TELESCOPE_UNROLL
    for (int i = 0; i < taps; ++i) {
      const float u = memory.a.v[first + i], v = memory.b.v[first + i];
      const float wu = window.weights[i] * u, wv = window.weights[i] * v;
      sums[0] += wu;
      sums[1] += wv;
      sums[2] = fmaf(wu, u, sums[2]);
      sums[3] = fmaf(wv, v, sums[3]);
      sums[4] = fmaf(wu, v, sums[4]);
    }
    TELESCOPE_UNROLL
    for (int map = 0; map < 5; ++map) memory.maps[map].v[e] = sums[map];
  }
}

// S at one pixel, and its slopes where they are wanted.
template <class T>
__device__ __forceinline__ float similarity(const float (&g)[5], float c1, float c2, T* slopes,
                                            std::int64_t plane) {
  const float ma = g[0], mb = g[1], mab = ma * mb, mm = fmaf(ma, ma, mb * mb);
  const float a1 = fmaf(2, mab, c1), a2 = fmaf(2, g[4] - mab, c2);
  const float b1 = 1 / (mm + c1), b2 = 1 / (g[2] + g[3] - mm + c2);
  const float s = (a1 * b1) * (a2 * b2);
  if (slopes) {
    // 2 mb (a2 - a1) b1 b2 - 2 ma s (b1 - b2), and with ma and mb exchanged
    const float both = 2 * (b1 * b2), other = both * (a2 - a1), own = 2 * s * (b2 - b1);
    slopes[0] = static_cast<T>(fmaf(mb, other, ma * own));
    slopes[plane] = static_cast<T>(fmaf(ma, other, mb * own));
    slopes[2 * plane] = static_cast<T>(-s * b2);
    slopes[3 * plane] = static_cast<T>(both * a1);
  }
  return s;
}

template <class T>
__global__ void __launch_bounds__(threads)
    ssim_kernel(Tiles tiles, Window window, float c1, float c2, const T* a, const T* b, T* slopes,
                double* partial) {
  auto& memory = shared<ForwardMemory>();
  const Place place(tiles);
  load_halo(place, a, memory.a);
  load_halo(place, b, memory.b);
  __syncthreads();
  blur_products_along(window, memory);
  __syncthreads();
  double sum = 0;
  const int column = static_cast<int>(threadIdx.x) % tile_x;
  for (int row = static_cast<int>(threadIdx.x) / tile_x; row < tile_y; row += threads / tile_x) {
    if (!place.inside(place.y + row, place.x + column)) continue;
    float blurred[5];
    TELESCOPE_UNROLL
    for (int map = 0; map < 5; ++map) {
      blurred[map] = blur_down(window, memory.maps[map], row, column);
    }
    T* const to = slopes ? slopes + place.index(place.y + row, place.x + column) : nullptr;
    sum += double{similarity(blurred, c1, c2, to, tiles.shape.numel())};
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// --- backward -------------------------------------------------------------------------------------

struct BackwardMemory {
  Halo slope;
  BlurredRows maps[4];  // as the slopes
};

template <class T>
__global__ void __launch_bounds__(threads)
    ssim_backward_kernel(Tiles tiles, Window window, const T* a, const T* b, const T* slopes,
                         const T* dvalue, T* da, T* db) {
  auto& memory = shared<BackwardMemory>();
  const Place place(tiles);
  for (int map = 0; map < 4; ++map) {
    if ((map == 0 && !da) || (map == 1 && !db)) continue;
    __syncthreads();  // the slope before may still be read
    load_halo(place, slopes + map * tiles.shape.numel(), memory.slope);
    __syncthreads();
    for (int e = static_cast<int>(threadIdx.x); e < reach_y * tile_x; e += threads) {
      const int first = e / tile_x * reach_x + e % tile_x;
      float sum = 0;
      TELESCOPE_UNROLL
      for (int i = 0; i < taps; ++i) {
        sum = fmaf(window.weights[i], memory.slope.v[first + i], sum);
      }
      memory.maps[map].v[e] = sum;
    }
  }
  __syncthreads();
  const auto factor = static_cast<float>(static_cast<double>(dvalue[place.sample]) /
                                         static_cast<double>(tiles.shape.sample()));
  const int column = static_cast<int>(threadIdx.x) % tile_x;
  for (int row = static_cast<int>(threadIdx.x) / tile_x; row < tile_y; row += threads / tile_x) {
    if (!place.inside(place.y + row, place.x + column)) continue;
    const std::int64_t i = place.index(place.y + row, place.x + column);
    const auto u = static_cast<float>(a[i]), v = static_cast<float>(b[i]);
    const float square = 2 * blur_down(window, memory.maps[2], row, column);
    const float product = blur_down(window, memory.maps[3], row, column);
    const auto gradient = [&](int map, float own, float other) {
      const float mean = blur_down(window, memory.maps[map], row, column);
      return fmaf(other, product, fmaf(own, square, mean)) * factor;
    };
    if (da) da[i] = static_cast<T>(gradient(0, u, v));
    if (db) db[i] = static_cast<T>(gradient(1, v, u));
  }
}

}  // namespace

template <class T>
void ssim(const Stream& stream, const SsimShape& shape, double range, const T* a, const T* b,
          T* value, T* slopes) {
  const Tiles tiles(shape);
  const auto c1 = static_cast<float>(0.01 * range * 0.01 * range);
  const auto c2 = static_cast<float>(0.03 * range * 0.03 * range);
  const Workspace<double> partial(tiles.blocks(), stream.device());
  launch<ssim_kernel<T>>(stream, tiles.blocks(), threads, 0, tiles, window_of_floats(), c1, c2, a,
                         b, slopes, partial.data());
  finish_rows(stream, shape.n, tiles.per_sample(), 1 / static_cast<double>(shape.sample()),
              partial.data(), value);
}

template <class T>
void ssim_backward(const Stream& stream, const SsimShape& shape, const T* a, const T* b,
                   const T* slopes, const T* dvalue, T* da, T* db) {
  const Tiles tiles(shape);
  launch<ssim_backward_kernel<T>>(stream, tiles.blocks(), threads, 0, tiles, window_of_floats(), a,
                                  b, slopes, dvalue, da, db);
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void ssim(const Stream&, const SsimShape&, double, const T*, const T*, T*, T*);   \
  template void ssim_backward(const Stream&, const SsimShape&, const T*, const T*, const T*, \
                              const T*, T*, T*);
TELESCOPE_INSTANTIATE(float)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
