// SPDX-License-Identifier: MIT
// Tiles of an image with their halo, for the tensor-core convolution with a stride of 1: the pixels
// that the taps of a tile see are copied once for each slice of channels, and a tap is an offset.
#pragma once

#include "kernels/conv2d/conv2d_tensor_core.h"
#include "kernels/conv2d/conv2d_tensor_core_gather.h"
#include "kernels/conv2d/conv2d_tensor_core_product.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core {

/// `images` x `rows` x `columns` outputs, 128 in all; columns is 8 or more, so that the eight rows
/// of an operand that ldmatrix reads at a time are neighbours.
struct HaloTile {
  int images = 0, rows = 0, columns = 0;
  int down = 0, across = 0;    // tiles of an image
  int halo_h = 0, halo_w = 0;  // with what the taps see
  std::int64_t n = 0;          // images there are

  __host__ __device__ int pixels() const { return images * halo_h * halo_w; }
  std::int64_t count() const { return (n + images - 1) / images * down * across; }
};

/// The tile that wastes least on outputs there are not; no images where the halo does not fit or no
/// tile does well.
template <class T>
HaloTile halo_tile_for(const Gather<T>& gather, const Phase& phase);

/// y by way of tiles with halo; `columns` of outputs for each block are 128, 64 or 32.
template <class T>
void launch_halo(const Stream& stream, const Gather<T>& gather, const HaloTile& tile, int columns,
                 Epilogue epilogue);

inline constexpr int most_halo_pixels = 208;

/// Where the pixels of a halo are in x, and outputs in y (-1: nowhere).
template <int m>
struct HaloTable {
  std::int64_t x[most_halo_pixels], y[m];
};

template <class T, int m>
__device__ __forceinline__ void fill_halo_table(const Gather<T>& gather, const HaloTile& tile,
                                                std::int64_t number, HaloTable<m>& table) {
  const Phase& phase = gather.phases[0];
  const int of_image = tile.down * tile.across;
  const std::int64_t first_image = number / of_image * tile.images;
  const int in_image = static_cast<int>(number % of_image);
  const int row = in_image / tile.across * tile.rows,
            column = in_image % tile.across * tile.columns;
  const int pixels = tile.pixels();
  for (int p = static_cast<int>(threadIdx.x); p < pixels; p += threads) {
    const int line = p / tile.halo_w;
    const std::int64_t n = first_image + line / tile.halo_h;
    const int i = row - phase.top + line % tile.halo_h, j = column - phase.left + p % tile.halo_w;
    const bool inside = n < tile.n && i >= 0 && i < gather.h && j >= 0 && j < gather.w;
    table.x[p] = inside ? ((n * gather.h + i) * gather.w + j) * gather.c : -1;
  }
  for (int p = static_cast<int>(threadIdx.x); p < m; p += threads) {
    const int line = p / tile.columns;
    const std::int64_t n = first_image + line / tile.rows;
    const int i = row + line % tile.rows, j = column + p % tile.columns;
    const bool inside = n < tile.n && i < gather.y_h && j < gather.y_w;
    table.y[p] = inside ? (n * gather.y_h + i) * gather.y_w + j : -1;
  }
}

/// One thread's share of the copies. Slices go tap by tap, then to the next channels; meanwhile the
/// halo of the next channels comes, a part with each tap.
template <class T, class Tile>
class HaloLoader {
  static constexpr int chunks = row_bytes / chunk_bytes, rows_apart = threads / chunks;

 public:
  __device__ HaloLoader(const Gather<T>& gather, int pixels, const HaloTable<Tile::m>& table,
                        unsigned char* halos, int first_column)
      : gather_(gather),
        table_(table),
        halos_(halos),
        pixels_(pixels),
        row_(static_cast<int>(threadIdx.x) / chunks),
        chunk_(static_cast<int>(threadIdx.x) % chunks),
        taps_(gather.phases[0].r * gather.phases[0].s),
        rows_left_(gather.k - first_column - row_),
        weight_(gather.weight + (std::int64_t{first_column} + row_) * taps_ * gather.c +
                chunk_ * chunk_elements<T>) {
    const int passes = (pixels + rows_apart - 1) / rows_apart, parts = taps_ - first_part;
    part_ = (passes + parts - 1) / parts * rows_apart;
  }

  __device__ __forceinline__ void load(unsigned char* stage) {
    if (tap_ == 0 && channel_ == 0) copy_halo(0, pixels_);
    // Earlier ones would overwrite what is still read.
    if (tap_ >= first_part && channel_ + slice_elements<T> < gather_.c) {
      const int from = (tap_ - first_part) * part_;
      copy_halo(from, min(from + part_, pixels_));
    }
    const T* from = weight_ + std::int64_t{tap_} * gather_.c + channel_;
    TELESCOPE_UNROLL
    for (int row = 0; row < Tile::n; row += rows_apart) {
      const bool valid = row < rows_left_;
      copy_async<chunk_bytes>(stage + swizzled(row_ + row, chunk_), valid ? from : gather_.weight,
                              valid ? chunk_bytes : 0);
      from += std::int64_t{rows_apart} * taps_ * gather_.c;
    }
    if (++tap_ < taps_) return;
    tap_ = 0;
    channel_ += slice_elements<T>;
  }

 private:
  static constexpr int first_part = Tile::stages - 1;

  // Pixels [from, to) of the halo: of the first channels, or else of the next.
  __device__ __forceinline__ void copy_halo(int from, int to) {
    const bool next = tap_ != 0;
    const int channel = channel_ + (next ? slice_elements<T> : 0);
    unsigned char* halo = halos_ + channel / slice_elements<T> % 2 * pixels_ * halo_pitch;
    const T* x = gather_.x + channel + chunk_ * chunk_elements<T>;
    for (int pixel = from + row_; pixel < to; pixel += rows_apart) {
      const std::int64_t at = table_.x[pixel];
      copy_async<chunk_bytes>(halo + halo_chunk(pixel, chunk_), at < 0 ? gather_.x : x + at,
                              at < 0 ? 0 : chunk_bytes);
    }
  }

  const Gather<T>& gather_;
  const HaloTable<Tile::m>& table_;
  unsigned char* halos_;
  int pixels_, row_, chunk_, taps_, rows_left_;
  const T* weight_;
  int part_ = 0, tap_ = 0, channel_ = 0;
};

/// A from a halo, from the current tap on; B from a stage, swizzled.
template <class T, class Tile>
class HaloOperands {
 public:
  static constexpr int steps = tensor_core::steps;

  __device__ HaloOperands(const unsigned char* halos, const HaloTile& tile, int taps_w)
      : halo_(halos),
        halo_bytes_(tile.pixels() * halo_pitch),
        taps_h_(tile.halo_h - tile.rows + 1),
        taps_w_(taps_w),
        line_bytes_(tile.halo_w * halo_pitch) {
    const int lane = lane_number(), warp = warp_number();
    b_ = warp_column(warp, Tile::warps_n, Tile::warp_n) * row_bytes + b_rows(lane);
    const int first = warp_row(warp, Tile::warps_n, Tile::warp_m) + lane % 16;
    TELESCOPE_UNROLL
    for (int i = 0; i < Tile::m_tiles; ++i) {
      const int m = first + 16 * i, line = m / tile.columns;
      const int halo_line = line / tile.rows * tile.halo_h + line % tile.rows;
      a_[i] = halo_chunk(halo_line * tile.halo_w + m % tile.columns, lane / 16);
    }
  }

  __device__ __forceinline__ void fetch(const unsigned char* stage, int step,
                                        Fragments<Tile>& to) const {
    TELESCOPE_UNROLL
    for (int i = 0; i < Tile::m_tiles; ++i) {
      ldmatrix(to.a[i], halo_ + tap_bytes_ + a_[i] + step * step_bytes);
    }
    fetch_row_pairs(stage + (b_ ^ (step * step_bytes)), to);
  }

  __device__ __forceinline__ void next_tap() {
    tap_bytes_ += halo_pitch;
    if (++s_ < taps_w_) return;
    s_ = 0;
    tap_bytes_ += line_bytes_ - taps_w_ * halo_pitch;
    if (++r_ < taps_h_) return;
    r_ = 0;
    tap_bytes_ = 0;
    halo_ += halo_bytes_;
    halo_bytes_ = -halo_bytes_;
  }

 private:
  const unsigned char* halo_;
  int halo_bytes_, taps_h_, taps_w_, line_bytes_;
  int a_[Tile::m_tiles], b_;
  int r_ = 0, s_ = 0, tap_bytes_ = 0;
};

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core
