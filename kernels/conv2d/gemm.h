// SPDX-License-Identifier: MIT
// The product at the heart of implicit_gemm: a block's tile of a matrix product in f32.
//
// A tile of bm x bn sums is held by bm bn / 64 threads, 8 x 8 in the registers of each: 16 values
// from shared memory (four loads of 16 bytes) pay for 64 multiplications, where one thread for each
// sum would load two values for one. Operands come in chunks of `depth`: while one chunk is
// multiplied, the next is on its way from global memory to registers, and is then put into the other
// half of the shared memory, so that one barrier a chunk is enough and none waits for memory.
#pragma once

#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

template <int bm, int bn>
struct GemmTile {
  static constexpr int depth = 16, threads = bm * bn / 64;
  // 4 more than needed: rows begin at other banks, and remain multiples of 16 bytes.
  struct Stage {
    float a[depth][bm + 4];
    float b[depth][bn + 4];
  };
  Stage stages[2];
};

/// Which of the tile's sums thread `thread` holds: sum[i][j] is (row(i), column(j)), in two runs of
/// four each, half a tile apart, so that a warp's loads from shared memory lie side by side.
template <int bm, int bn>
struct GemmPlace {
  int y, x;
  __device__ explicit GemmPlace(int thread) : y(thread / (bn / 8)), x(thread % (bn / 8)) {}
  __device__ int row(int i) const { return i / 4 * (bm / 2) + y * 4 + i % 4; }
  __device__ int column(int j) const { return j / 4 * (bn / 2) + x * 4 + j % 4; }
};

namespace detail {

template <int bm, int bn>
__device__ __forceinline__ void multiply_stage(const typename GemmTile<bm, bn>::Stage& stage,
                                               const GemmPlace<bm, bn>& place, float (&sum)[8][8]) {
  TELESCOPE_UNROLL
  for (int d = 0; d < GemmTile<bm, bn>::depth; ++d) {
    float a[8], b[8];
    TELESCOPE_UNROLL
    for (int half = 0; half < 2; ++half) {
      const auto a4 = load<4>(&stage.a[d][place.row(4 * half)]);
      const auto b4 = load<4>(&stage.b[d][place.column(4 * half)]);
      TELESCOPE_UNROLL
      for (int i = 0; i < 4; ++i) a[4 * half + i] = a4[i], b[4 * half + i] = b4[i];
    }
    TELESCOPE_UNROLL
    for (int i = 0; i < 8; ++i) {
      TELESCOPE_UNROLL
      for (int j = 0; j < 8; ++j) sum[i][j] = fmaf(a[i], b[j], sum[i][j]);
    }
  }
}

}  // namespace detail

/// sum += the product of the `chunks` chunks that loader.fetch() takes from global memory, one after
/// the other, and loader.put(stage) writes to shared memory. Every thread of the block calls it.
template <int bm, int bn, class Loader>
__device__ __forceinline__ void block_product(GemmTile<bm, bn>& tile,
                                              const GemmPlace<bm, bn>& place, int chunks,
                                              Loader& loader, float (&sum)[8][8]) {
  if (chunks == 0) return;
  loader.fetch();
  loader.put(tile.stages[0]);
  __syncthreads();
  for (int chunk = 0; chunk < chunks; ++chunk) {
    const bool more = chunk + 1 < chunks;
    if (more) loader.fetch();
    detail::multiply_stage<bm, bn>(tile.stages[chunk % 2], place, sum);
    if (more) {
      loader.put(tile.stages[(chunk + 1) % 2]);
      __syncthreads();
    }
  }
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
