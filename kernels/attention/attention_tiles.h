// SPDX-License-Identifier: MIT
// Attention on devices cut into tiles of 64 x 64 scores: the two products that everything is made of,
// for a block of 16 x 16 threads. Each thread has 4 x 4 scores and of 4 rows of a result a sixteenth.
#pragma once

#include <type_traits>

#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

constexpr int attention_threads = 256;
constexpr int score_tile = 64;   // queries or keys
constexpr int stage_depth = 32;  // channels, or tokens, in shared memory at a time

/// Rows of one head from some token on, of which `count` are there; the others count as zeros.
template <class T>
struct HeadRows {
  T* at;
  std::int64_t step;
  int count;
};

struct AttentionMemory {
  float stage[2 * stage_depth * score_tile];
  static constexpr int weight_step = score_tile + 4;  // two rows of a warp in different banks
  float weights[score_tile * weight_step];
};

/// Rows and columns of this thread's scores begin at 4 times these.
__device__ __forceinline__ int thread_row() { return static_cast<int>(threadIdx.x) / 16; }
__device__ __forceinline__ int thread_column() { return static_cast<int>(threadIdx.x) % 16; }

// Channel c of a row in a staged, transposed tile. Rows stand in groups of four that are exchanged
// from channel to channel, so that neither the transposing store nor the load meets a bank twice.
__device__ __forceinline__ int staged(int c, int row) {
  return c * score_tile + (row ^ (c / 4 % 8 * 4));
}

template <int width, class T>
__device__ __forceinline__ void stage_transposed(const HeadRows<T>& rows, int channel, int channels,
                                                 float* to) {
  constexpr int packs = stage_depth / width;
  for (int e = static_cast<int>(threadIdx.x); e < score_tile * packs; e += attention_threads) {
    const int row = e / packs, c = e % packs * width;
    const bool there = row < rows.count && channel + c < channels;
    Pack<std::remove_const_t<T>, width> pack{};
    if (there) pack = load<width>(rows.at + row * rows.step + channel + c);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) to[staged(c + k, row)] = static_cast<float>(pack[k]);
  }
}

/// scores[i][j] += a[row + i] . b[column + j], for the thread's rows of a and columns (rows of b).
/// Begins with a barrier.
template <int width, class T>
__device__ __forceinline__ void add_scores(const HeadRows<T>& a, const HeadRows<T>& b, int channels,
                                           float* stage, float (&scores)[4][4]) {
  float *const of_a = stage, *const of_b = stage + stage_depth * score_tile;
  for (int channel = 0; channel < channels; channel += stage_depth) {
    __syncthreads();  // what was staged before may still be read
    stage_transposed<width>(a, channel, channels, of_a);
    stage_transposed<width>(b, channel, channels, of_b);
    __syncthreads();
    const int depth = min(stage_depth, channels - channel);
    for (int c = 0; c < depth; ++c) {
      const auto u = load<4>(of_a + staged(c, 4 * thread_row()));
      const auto v = load<4>(of_b + staged(c, 4 * thread_column()));
      TELESCOPE_UNROLL
      for (int i = 0; i < 4; ++i) {
        TELESCOPE_UNROLL
        for (int j = 0; j < 4; ++j) scores[i][j] = fmaf(u[i], v[j], scores[i][j]);
      }
    }
  }
}

/// Puts the thread's values into the block's weights; a barrier must come before they are read.
__device__ __forceinline__ void store_weights(const float (&values)[4][4], float* weights) {
  TELESCOPE_UNROLL
  for (int i = 0; i < 4; ++i) {
    Pack<float, 4> row;
    TELESCOPE_UNROLL
    for (int j = 0; j < 4; ++j) row[j] = values[i][j];
    store(weights + (4 * thread_row() + i) * AttentionMemory::weight_step + 4 * thread_column(),
          row);
  }
}

/// A thread's share of a result [64, slice]: 4 rows, of them packs of `pack` channels.
template <int slice>
struct Share {
  static constexpr int pack = slice / 16 < 4 ? slice / 16 : 4, packs = slice / 16 / pack;
  float v[4][slice / 16] = {};

  static __device__ __forceinline__ int channel(int number) {
    return (number * 16 + thread_column()) * pack;
  }
};

/// share[i] += sum_k weights[row + i, k] m[k, channel..]; `m` are 64 tokens, the result has the
/// channels from `channel` on. Begins with a barrier.
template <int width, int slice, class T>
__device__ __forceinline__ void add_weighted(const float* weights, const HeadRows<T>& m,
                                             int channel, int channels, float* stage,
                                             Share<slice>& share) {
  static_assert(stage_depth * slice <= 2 * stage_depth * score_tile);
  constexpr int step = AttentionMemory::weight_step, pack = Share<slice>::pack;
  for (int token = 0; token < m.count; token += stage_depth) {
    __syncthreads();
    for (int e = static_cast<int>(threadIdx.x); e < stage_depth * slice / width;
         e += attention_threads) {
      const int row = e * width / slice, c = e * width % slice;
      const bool there = token + row < m.count && channel + c < channels;
      Pack<std::remove_const_t<T>, width> values{};
      if (there) values = load<width>(m.at + (token + row) * m.step + channel + c);
      TELESCOPE_UNROLL
      for (int k = 0; k < width; ++k) stage[row * slice + c + k] = static_cast<float>(values[k]);
    }
    __syncthreads();
    for (int k = 0; k < stage_depth; k += 4) {
      Pack<float, 4> w[4];
      TELESCOPE_UNROLL
      for (int i = 0; i < 4; ++i) {
        w[i] = load<4>(weights + (4 * thread_row() + i) * step + token + k);
      }
      TELESCOPE_UNROLL
      for (int kk = 0; kk < 4; ++kk) {
        TELESCOPE_UNROLL
        for (int number = 0; number < Share<slice>::packs; ++number) {
          const auto x = load<pack>(stage + (k + kk) * slice + Share<slice>::channel(number));
          TELESCOPE_UNROLL
          for (int i = 0; i < 4; ++i) {
            TELESCOPE_UNROLL
            for (int p = 0; p < pack; ++p) {
              float& sum = share.v[i][number * pack + p];
              sum = fmaf(w[i][kk], x[p], sum);
            }
          }
        }
      }
    }
  }
}

/// Writes the thread's share, row i times factor[i].
template <int width, int slice, class T>
__device__ __forceinline__ void store_share(const Share<slice>& share, const float (&factor)[4],
                                            const HeadRows<T>& to, int channel, int channels) {
  constexpr int pack = Share<slice>::pack, together = width < pack ? width : pack;
  TELESCOPE_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int row = 4 * thread_row() + i;
    if (row >= to.count) continue;
    TELESCOPE_UNROLL
    for (int j = 0; j < slice / 16; j += together) {
      const int c = channel + Share<slice>::channel(j / pack) + j % pack;
      if (c >= channels) continue;
      Pack<T, together> values;
      TELESCOPE_UNROLL
      for (int k = 0; k < together; ++k) {
        values[k] = static_cast<T>(share.v[i][j + k] * factor[i]);
      }
      store(to.at + row * to.step + c, values);
    }
  }
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
