// SPDX-License-Identifier: MIT
// Gradient of the weights of a 3 x 3 convolution with a stride of 1 on the tensor cores, from tiles of
// pixels with their halo. A block sums 64 (or 32) channels of dy times 32 channels of x for all nine
// taps: a tap is the same product with x a pixel further on, so 64 pixels of dy and 108 of x (30 KB of
// f32) serve 64 x 288 sums, where the gather of conv2d_tensor_core_weight_cuda.cu copies 32 KB for
// 32 pixels of 128 x 128. That leaves shared memory as the bound: a warp's 64 x 72 sums read 2 x 68
// words for each pixel, 1/17 byte per FLOP of tf32. 107 KB of stages and up to 255 registers: two
// blocks of four warps a multiprocessor.
#include "kernels/conv2d/conv2d_tensor_core_weight.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

using namespace tensor_core;

constexpr int taps_across = 3, taps = taps_across * taps_across;
constexpr int channels = 32, channels_of_warp = 8;
constexpr int pixels = 64;  // of dy in a slice

using M64 = Tile<64, taps * channels, 64, taps * channels_of_warp, 3, 2>;
using M32 = Tile<32, taps * channels, 32, taps * channels_of_warp, 3, 2>;

/// How slices lie in images.
struct PixelTiles {
  int down, across;
};

/// A slice in shared memory: `pixels` rows of Tile::m channels of dy, then the pixels of x that they
/// see, `channels` each. Both padded as in the layout.
template <class T, class Tile, int tile_w>
struct Slice {
  static constexpr int tile_h = pixels / tile_w;
  static constexpr int halo_w = tile_w + taps_across - 1, halo_h = tile_h + taps_across - 1;
  static constexpr int dy_pitch = padded(Tile::m) * static_cast<int>(sizeof(T));
  static constexpr int x_pitch = padded(channels) * static_cast<int>(sizeof(T));
  static constexpr int dy_bytes = pixels * dy_pitch;
  static constexpr int bytes = dy_bytes + halo_h * halo_w * x_pitch;
  static constexpr int tap_bytes(int tap) {
    return (tap / taps_across * halo_w + tap % taps_across) * x_pitch;
  }
};

template <class T, class Tile, int tile_w>
class SliceLoader {
  using S = Slice<T, Tile, tile_w>;
  static constexpr int width = chunk_elements<T>;
  static constexpr int dy_chunks = Tile::m / width, dy_apart = threads / dy_chunks;
  static constexpr int x_chunks = channels / width, x_apart = threads / x_chunks;

 public:
  __device__ SliceLoader(const PixelSum<T>& sum, const PixelTiles& tiles, int m, int c, int first)
      : sum_(sum),
        tiles_(tiles),
        number_(first),
        dy_pixel_(static_cast<int>(threadIdx.x) / dy_chunks),
        dy_column_(static_cast<int>(threadIdx.x) % dy_chunks * width),
        x_pixel_(static_cast<int>(threadIdx.x) / x_chunks),
        x_column_(static_cast<int>(threadIdx.x) % x_chunks * width),
        dy_inside_(m + dy_column_ < sum.k),
        x_inside_(c + x_column_ < sum.c),
        dy_(sum.dy + m + dy_column_),
        x_(sum.x + c + x_column_) {}

  __device__ __forceinline__ void load(unsigned char* stage) {
    const int line = number_ / tiles_.across, n = line / tiles_.down;
    const int i0 = (line - n * tiles_.down) * S::tile_h;
    const int j0 = (number_ - line * tiles_.across) * tile_w;
    ++number_;
    TELESCOPE_UNROLL
    for (int p = 0; p < pixels; p += dy_apart) {
      const int pixel = dy_pixel_ + p, i = i0 + pixel / tile_w, j = j0 + pixel % tile_w;
      const bool valid = dy_inside_ && i < sum_.out_h && j < sum_.out_w;
      const T* from = dy_ + ((std::int64_t{n} * sum_.out_h + i) * sum_.out_w + j) * sum_.k;
      copy(stage + pixel * S::dy_pitch, dy_column_, from, sum_.dy, valid);
    }
    unsigned char* halo = stage + S::dy_bytes;
    const auto height = static_cast<unsigned>(sum_.h), breadth = static_cast<unsigned>(sum_.w);
    TELESCOPE_UNROLL
    for (int p = 0; p < S::halo_h * S::halo_w; p += x_apart) {
      const int pixel = x_pixel_ + p;
      if (pixel >= S::halo_h * S::halo_w) break;
      const int i = i0 - sum_.padding + pixel / S::halo_w,
                j = j0 - sum_.padding + pixel % S::halo_w;
      const bool valid =
          x_inside_ && static_cast<unsigned>(i) < height && static_cast<unsigned>(j) < breadth;
      const T* from = x_ + ((std::int64_t{n} * sum_.h + i) * sum_.w + j) * sum_.c;
      copy(halo + pixel * S::x_pitch, x_column_, from, sum_.x, valid);
    }
  }

 private:
  __device__ __forceinline__ static void copy(unsigned char* row, int column, const T* from,
                                              const T* anywhere, bool valid) {
    copy_async<chunk_bytes>(row + column * static_cast<int>(sizeof(T)), valid ? from : anywhere,
                            valid ? chunk_bytes : 0);
  }

  const PixelSum<T>& sum_;
  const PixelTiles& tiles_;
  int number_;  // of the tile, counted over all images
  int dy_pixel_, dy_column_, x_pixel_, x_column_;
  bool dy_inside_, x_inside_;
  const T *dy_, *x_;
};

/// A is dy for all warps; B, for mma j, the warp's eight channels of x at tap j.
template <class T, class Tile, int tile_w>
class TapOperands {
  using S = Slice<T, Tile, tile_w>;
  static constexpr bool tf32 = sizeof(T) == 4;
  static constexpr int k = step_bytes / static_cast<int>(sizeof(T));  // pixels of a step

 public:
  static constexpr int steps = pixels / k;

  __device__ TapOperands() {
    const int lane = lane_number(), channel = warp_number() * channels_of_warp;
    if constexpr (tf32) {
      a_ = column_quad(lane, Tile::m);
      b_ = S::dy_bytes + lane % 4 * S::x_pitch + (channel + lane / 4) * 4;
    } else {
      const int pixel = lane % 16;
      a_ = a_columns(lane, Tile::m);
      b_ = S::dy_bytes + (pixel / tile_w * S::halo_w + pixel % tile_w) * S::x_pitch + channel * 2;
    }
  }

  __device__ __forceinline__ void fetch(const unsigned char* stage, int step,
                                        Fragments<Tile>& to) const {
    const int line = step * k / tile_w, column = step * k % tile_w;
    fetch_a_columns<T>(stage + a_ + step * k * S::dy_pitch, to);
    const unsigned char* x = stage + b_ + (line * S::halo_w + column) * S::x_pitch;
    if constexpr (tf32) {
      TELESCOPE_UNROLL
      for (int tap = 0; tap < taps; ++tap) {
        const unsigned char* from = x + S::tap_bytes(tap);
        to.b[tap][0] = *reinterpret_cast<const std::uint32_t*>(from);
        to.b[tap][1] = *reinterpret_cast<const std::uint32_t*>(from + 4 * S::x_pitch);
      }
    } else {
      // Two taps at once: the upper half of the lanes gives the addresses of the second.
      const int upper = lane_number() / 16;
      TELESCOPE_UNROLL
      for (int tap = 0; tap < taps; tap += 2) {
        const int last = tap + 1 < taps ? tap + 1 : tap;
        std::uint32_t pair[4];
        ldmatrix<true>(pair,
                       x + S::tap_bytes(tap) + upper * (S::tap_bytes(last) - S::tap_bytes(tap)));
        to.b[tap][0] = pair[0];
        to.b[tap][1] = pair[1];
        to.b[last][0] = pair[2];
        to.b[last][1] = pair[3];
      }
    }
  }

  /// Calls store(row, tap, channel, two sums) for all of a warp's sums.
  template <class Store>
  __device__ __forceinline__ static void for_each(const Sums<Tile>& sums, const Store& store) {
    const int lane = lane_number(), g = lane / 4;
    const int channel = warp_number() * channels_of_warp + lane % 4 * 2;
    TELESCOPE_UNROLL
    for (int i = 0; i < 2 * Tile::m_tiles; ++i) {
      const int row = tf32 ? i / 4 * 32 + g * 4 + i % 4 : i * 8 + g;
      TELESCOPE_UNROLL
      for (int tap = 0; tap < taps; ++tap) {
        const float* of = sums.of[i / 2][tap] + i % 2 * 2;
        store(row, tap, channel, Pack<float, 2>{{of[0], of[1]}});
      }
    }
  }

 private:
  int a_, b_;
};

template <class T, class Tile, int tile_w>
__global__ void __launch_bounds__(threads, Tile::blocks)
    halo_sum_kernel(const PixelSum<T> sum, const PixelTiles tiles) {
  using Operands = TapOperands<T, Tile, tile_w>;
  auto* memory = dynamic_shared<unsigned char>();
  const auto across = static_cast<unsigned>(sum.across);
  const int m = static_cast<int>(blockIdx.x / across) * Tile::m;
  const int c = static_cast<int>(blockIdx.x % across) * channels;
  const int first = static_cast<int>(blockIdx.y) * sum.slices_per_split;
  const int slices = min(sum.slices_per_split, sum.slices - first);
  SliceLoader<T, Tile, tile_w> loader(sum, tiles, m, c, first);
  const auto load = [&](unsigned char* stage) { loader.load(stage); };
  BiasSum<T, Tile, pixels> bias(sum, m);
  const auto add_bias = [&](const unsigned char* stage, int slice) { bias.add(stage, slice); };
  Sums<Tile> sums{};
  multiply<T, Tile>(memory, Slice<T, Tile, tile_w>::bytes, slices, Operands(), load, add_bias,
                    sums);

  float* partial = sum.partial + std::int64_t{blockIdx.y} * sum.k * sum.pitch;
  Operands::for_each(sums, [&](int row, int tap, int channel, const auto& pair) {
    if (m + row >= sum.k || c + channel >= sum.c) return;
    store(partial + std::int64_t{m + row} * sum.pitch + tap * sum.c + c + channel, pair);
  });
  bias.store();
}

template <class T, class Tile, int tile_w>
void launch_tiles(const Stream& stream, PixelSum<T> sum, const PixelTiles& tiles, float* dweight,
                  float* dbias) {
  sum.slices = sum.n * tiles.down * tiles.across;
  sum.across = (sum.c + channels - 1) / channels;
  sum.pitch = sum.columns;
  const int blocks = (sum.k + Tile::m - 1) / Tile::m * sum.across;
  sum_in_parts(stream, sum, blocks, multiprocessors * Tile::blocks, dweight, dbias,
               [&](const PixelSum<T>& parts, int splits) {
                 launch<halo_sum_kernel<T, Tile, tile_w>>(
                     stream, dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(splits)),
                     threads, Tile::stages * Slice<T, Tile, tile_w>::bytes, parts, tiles);
               });
}

}  // namespace

namespace tensor_core {

template <class T>
bool launch_halo_sum(const Stream& stream, const PixelSum<T>& sum, int rows, float* dweight,
                     float* dbias) {
  if (sum.r != taps_across || sum.s != taps_across || sum.stride != 1 || !sum.columns) return false;
  const auto tiles_of = [&](int h, int w) {
    return PixelTiles{(sum.out_h + h - 1) / h, (sum.out_w + w - 1) / w};
  };
  const PixelTiles wide = tiles_of(4, 16), square = tiles_of(8, 8);
  const bool is_wide = wide.down * wide.across <= square.down * square.across;
  const PixelTiles tiles = is_wide ? wide : square;
  // Tiles that are full to three quarters at least; with fewer the gather wastes less.
  if (4 * sum.out_h * sum.out_w < 3 * tiles.down * tiles.across * pixels) return false;
  if (rows == 64) {
    is_wide ? launch_tiles<T, M64, 16>(stream, sum, tiles, dweight, dbias)
            : launch_tiles<T, M64, 8>(stream, sum, tiles, dweight, dbias);
  } else {
    is_wide ? launch_tiles<T, M32, 16>(stream, sum, tiles, dweight, dbias)
            : launch_tiles<T, M32, 8>(stream, sum, tiles, dweight, dbias);
  }
  return true;
}

template bool launch_halo_sum(const Stream&, const PixelSum<float>&, int, float*, float*);
template bool launch_halo_sum(const Stream&, const PixelSum<bfloat16>&, int, float*, float*);

}  // namespace tensor_core
}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
