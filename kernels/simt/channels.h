// SPDX-License-Identifier: MIT
// Images [n, pixels, channels] with one number per sample and channel: maps that take such numbers,
// sums that give them. Not part of simt.h: for the kernels that need it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/simt/row_sums.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// A thread reads packs of `width` channels; neighbouring threads read neighbouring packs.
struct Channels {
  std::int64_t n, pixels, c;
  /// Whether packs of `width` may be read where all arrays begin at a multiple of a pack.
  bool whole_vectors(int width) const { return c % width == 0; }
};

// --- maps -----------------------------------------------------------------------------------------

namespace detail {

template <int width, class F, class T, class... X>
__global__ void __launch_bounds__(RowPieces::threads)
    channel_map_kernel(F f, RowPieces pieces, int c, T* y, const X*... x) {
  constexpr int step = RowPieces::threads * width;
  const RowPieces::Piece piece = pieces.of_block();
  const std::int64_t row = piece.row * pieces.length;
  const int channel_step = step % c;
  auto channel = static_cast<int>((piece.begin + threadIdx.x * width) % c);
  for (std::int64_t i = piece.begin + threadIdx.x * width; i < piece.end; i += step) {
    Pack<float, width> result;
    f.apply(piece.row * c + channel, result, load<width>(x + row + i)...);
    Pack<T, width> stored;
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) stored[k] = static_cast<T>(result[k]);
    store(y + row + i, stored);
    channel += channel_step;
    if (channel >= c) channel -= c;
  }
}

}  // namespace detail

/// y <- f of x..., element by element, y and x [n, pixels, c]; y may be one of x. F has
///   template <int width> __device__ void apply(vector, Pack<float, width>& y, const Pack<..>&... x)
/// with `vector` the place, sample * c + channel, of the first element's numbers. `vectors` says
/// whether what F itself reads allows packs of 16 bytes.
template <class F, class T, class... X>
void channel_map(const Stream& stream, const F& f, const Channels& shape, bool vectors, T* y,
                 const X*... x) {
  constexpr int threads = RowPieces::threads, width = 16 / sizeof(T);
  if (shape.n * shape.pixels * shape.c == 0) return;
  const RowPieces pieces(shape.n, shape.pixels * shape.c);
  const auto c = static_cast<int>(shape.c);
  if (vectors && shape.whole_vectors(width) && aligned_to(16, y, x...)) {
    launch<detail::channel_map_kernel<width, F, T, X...>>(stream, pieces.blocks(), threads, 0, f,
                                                          pieces, c, y, x...);
  } else {
    launch<detail::channel_map_kernel<1, F, T, X...>>(stream, pieces.blocks(), threads, 0, f,
                                                      pieces, c, y, x...);
  }
}

// --- sums -----------------------------------------------------------------------------------------

/// The pixels of each sample in at most 256 pieces of one block each (several side by side where
/// the channels are many), cut by the shape of a sample alone. A block is `columns` packs of
/// channels wide and takes `rows` pixels at a time.
struct ChannelPieces {
  static constexpr int threads = 256;

  Channels shape;
  int columns, rows;
  std::int64_t piece, per_sample;

  ChannelPieces(const Channels& channels, int width) : shape(channels) {
    columns = static_cast<int>(std::min<std::int64_t>(shape.c / width, threads));
    rows = threads / columns;
    const std::int64_t tile = 8 * rows, share = (shape.pixels + 255) / 256;
    piece = (share + tile - 1) / tile * tile;
    per_sample = (shape.pixels + piece - 1) / piece;
  }
  dim3 blocks(int width) const {
    return dim3(static_cast<unsigned>(shape.n * per_sample),
                static_cast<unsigned>((shape.c / width + columns - 1) / columns));
  }
};

namespace detail {

template <int width, class F>
__global__ void __launch_bounds__(ChannelPieces::threads)
    channel_sums_kernel(F f, ChannelPieces pieces, double* partial) {
  struct Memory {
    double of_row[ChannelPieces::threads * width];
  };
  auto& memory = shared<Memory>().of_row;
  const int column = static_cast<int>(threadIdx.x) % pieces.columns;
  const int row = static_cast<int>(threadIdx.x) / pieces.columns;
  const auto of_sample = static_cast<unsigned>(pieces.per_sample);
  const std::int64_t sample = blockIdx.x / of_sample, number = blockIdx.x % of_sample;
  const std::int64_t channel = (std::int64_t{blockIdx.y} * pieces.columns + column) * width;
  const std::int64_t begin = number * pieces.piece;
  const bool working = row < pieces.rows && channel < pieces.shape.c;
  double sums[F::sums][width] = {};
  if (working) {
    f.add(pieces.shape, sample, channel, begin + row, pieces.rows,
          min(begin + pieces.piece, pieces.shape.pixels), sums);
  }
  TELESCOPE_UNROLL
  for (int s = 0; s < F::sums; ++s) {
    __syncthreads();  // the sums before may still be read
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) memory[threadIdx.x * width + k] = sums[s][k];
    __syncthreads();
    if (!working || row > 0) continue;
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      double sum = sums[s][k];
      for (int r = 1; r < pieces.rows; ++r) {
        sum += memory[(r * pieces.columns + column) * width + k];
      }
      const std::int64_t vector = (s * pieces.shape.n + sample) * pieces.shape.c + channel + k;
      partial[vector * pieces.per_sample + number] = sum;
    }
  }
}

}  // namespace detail

/// partial[s, sample, channel, piece] <- sum number s of the piece. F has the number of `sums` and
///   template <int width> __device__ void add(shape, sample, channel, first, step, end,
///                                            double (&sums)[F::sums][width])
/// which adds up the pixels first, first + step, ... before `end` of the channels from `channel` on.
template <int width, class F>
void channel_sums(const Stream& stream, const F& f, const ChannelPieces& pieces, double* partial) {
  launch<detail::channel_sums_kernel<width, F>>(stream, pieces.blocks(width),
                                                ChannelPieces::threads, 0, f, pieces, partial);
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
