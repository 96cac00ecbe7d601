// SPDX-License-Identifier: MIT
// The inner loop of the tensor-core convolution: fragments from shared memory, one step of the
// reduction ahead of the products.
#pragma once

#include "kernels/conv2d/conv2d_tensor_core_layout.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core {

using namespace kernels::tensor_core;

/// A warp's share of a tile: [i][j] is an mma's 16 x 8 outputs.
template <class Tile>
struct Sums {
  float of[Tile::m_tiles][Tile::n_tiles][4];
};

/// The operands of one step.
template <class Tile>
struct Fragments {
  std::uint32_t a[Tile::m_tiles][4], b[Tile::n_tiles][2];
};

__device__ __forceinline__ int warp_row(int warp, int warps_n, int warp_m) {
  return warp / warps_n * warp_m;
}
__device__ __forceinline__ int warp_column(int warp, int warps_n, int warp_n) {
  return warp % warps_n * warp_n;
}

template <class T>
__device__ __forceinline__ void multiply_add(float (&d)[4], const std::uint32_t (&a)[4],
                                             const std::uint32_t (&b)[2]) {
  if constexpr (sizeof(T) == 4) {
    mma_tf32(d, a, b);
  } else {
    mma_bf16(d, a, b);
  }
}

/// To tf32 by rounding to nearest: the tensor cores alone would cut off, which biases every sum.
template <class T, int n>
__device__ __forceinline__ void round_operands(std::uint32_t (&words)[n]) {
  if constexpr (sizeof(T) == 4) {
    TELESCOPE_UNROLL
    for (int i = 0; i < n; ++i) words[i] = to_tf32(__uint_as_float(words[i]));
  }
}

template <class T, class Tile>
__device__ __forceinline__ void multiply_add(Sums<Tile>& sums, Fragments<Tile>& fragments) {
  TELESCOPE_UNROLL
  for (int j = 0; j < Tile::n_tiles; ++j) round_operands<T>(fragments.b[j]);
  TELESCOPE_UNROLL
  for (int i = 0; i < Tile::m_tiles; ++i) {
    round_operands<T>(fragments.a[i]);
    TELESCOPE_UNROLL
    for (int j = 0; j < Tile::n_tiles; ++j) {
      multiply_add<T>(sums.of[i][j], fragments.a[i], fragments.b[j]);
    }
  }
}

/// All of b of a warp, two mma at a time; `rows` is this lane's address for the first two.
template <class Tile>
__device__ __forceinline__ void fetch_row_pairs(const unsigned char* rows, Fragments<Tile>& to) {
  TELESCOPE_UNROLL
  for (int j = 0; j < Tile::n_tiles; j += 2) {
    std::uint32_t pair[4];
    ldmatrix(pair, rows + j * 8 * row_bytes);
    to.b[j][0] = pair[0];
    to.b[j][1] = pair[1];
    to.b[j + 1][0] = pair[2];
    to.b[j + 1][1] = pair[3];
  }
}

/// Operands whose rows run along the reduction: Tile::m rows of A, then Tile::n of B, swizzled.
template <class T, class Tile>
class RowOperands {
 public:
  static constexpr int steps = tensor_core::steps;

  __device__ RowOperands() {
    const int lane = lane_number(), warp = warp_number();
    a_ = warp_row(warp, Tile::warps_n, Tile::warp_m) * row_bytes + a_rows(lane);
    b_ = (Tile::m + warp_column(warp, Tile::warps_n, Tile::warp_n)) * row_bytes + b_rows(lane);
  }
  __device__ __forceinline__ void fetch(const unsigned char* stage, int step,
                                        Fragments<Tile>& to) const {
    const unsigned char* a = stage + (a_ ^ (step * step_bytes));
    const unsigned char* b = stage + (b_ ^ (step * step_bytes));
    TELESCOPE_UNROLL
    for (int i = 0; i < Tile::m_tiles; ++i) ldmatrix(to.a[i], a + i * 16 * row_bytes);
    fetch_row_pairs(b, to);
  }

 private:
  int a_, b_;
};

/// All of a of a warp from rows that run across the reduction; `columns` is this lane's address.
template <class T, class Tile>
__device__ __forceinline__ void fetch_a_columns(const unsigned char* columns, Fragments<Tile>& to) {
  if constexpr (sizeof(T) == 4) {
    TELESCOPE_UNROLL
    for (int half = 0; half < 2; ++half) {  // of k: rows t, then t + 4
      TELESCOPE_UNROLL
      for (int i = 0; i < Tile::m_tiles; i += 2) {
        const auto quad = load<4>(reinterpret_cast<const std::uint32_t*>(
            columns + (half * 4 * padded(Tile::m) + i * 16) * 4));
        to.a[i][2 * half] = quad[0];
        to.a[i][2 * half + 1] = quad[1];
        to.a[i + 1][2 * half] = quad[2];
        to.a[i + 1][2 * half + 1] = quad[3];
      }
    }
  } else {
    TELESCOPE_UNROLL
    for (int i = 0; i < Tile::m_tiles; ++i) ldmatrix<true>(to.a[i], columns + i * 16 * 2);
  }
}

/// Operands whose rows run across the reduction: a row of Tile::m columns of A for each element of
/// the slice, then rows of Tile::n columns of B, padded.
template <class T, class Tile>
class ColumnOperands {
 public:
  static constexpr int steps = tensor_core::steps;
  static constexpr int a_bytes = slice_elements<T> * padded(Tile::m) * static_cast<int>(sizeof(T));
  static constexpr int b_bytes = slice_elements<T> * padded(Tile::n) * static_cast<int>(sizeof(T));

  __device__ ColumnOperands() {
    const int lane = lane_number(), warp = warp_number();
    const int m = warp_row(warp, Tile::warps_n, Tile::warp_m);
    const int n = warp_column(warp, Tile::warps_n, Tile::warp_n);
    if constexpr (tf32) {
      a_ = m * 4 + column_quad(lane, Tile::m);
      b_ = a_bytes + n * 4 + column_quad(lane, Tile::n);
    } else {
      a_ = m * 2 + a_columns(lane, Tile::m);
      b_ = a_bytes + n * 2 + b_columns(lane, Tile::n);
    }
  }

  __device__ __forceinline__ void fetch(const unsigned char* stage, int step,
                                        Fragments<Tile>& to) const {
    constexpr int k = step_bytes / static_cast<int>(sizeof(T));  // rows of a step
    const unsigned char* a = stage + a_ + step * k * padded(Tile::m) * static_cast<int>(sizeof(T));
    const unsigned char* b = stage + b_ + step * k * padded(Tile::n) * static_cast<int>(sizeof(T));
    fetch_a_columns<T>(a, to);
    if constexpr (tf32) {
      fetch_quads(b, to);
    } else {
      fetch_transposed(b, to);
    }
  }

  /// Calls store(row, column, four or two sums) for all of a warp's sums; columns in a row.
  template <class Store>
  __device__ __forceinline__ static void for_each(const Sums<Tile>& sums, const Store& store) {
    const int lane = lane_number(), warp = warp_number(), g = lane / 4, t = lane % 4;
    const int m = warp_row(warp, Tile::warps_n, Tile::warp_m);
    const int n = warp_column(warp, Tile::warps_n, Tile::warp_n);
    TELESCOPE_UNROLL
    for (int i = 0; i < 2 * Tile::m_tiles; ++i) {
      const auto& of = sums.of[i / 2];
      const int at = i % 2 * 2;
      if constexpr (tf32) {
        const int row = m + i / 4 * 32 + g * 4 + i % 4;
        TELESCOPE_UNROLL
        for (int j = 0; j < Tile::n_tiles; j += 4) {
          const int column = n + j * 8 + t * 8;
          store(row, column,
                Pack<float, 4>{{of[j][at], of[j + 1][at], of[j + 2][at], of[j + 3][at]}});
          store(row, column + 4,
                Pack<float, 4>{
                    {of[j][at + 1], of[j + 1][at + 1], of[j + 2][at + 1], of[j + 3][at + 1]}});
        }
      } else {
        TELESCOPE_UNROLL
        for (int j = 0; j < Tile::n_tiles; ++j) {
          store(m + i * 8 + g, n + j * 8 + t * 2, Pack<float, 2>{{of[j][at], of[j][at + 1]}});
        }
      }
    }
  }

 private:
  static constexpr bool tf32 = sizeof(T) == 4;
  static_assert(Tile::warp_m % 32 == 0 && Tile::warp_n % 32 == 0);

  __device__ __forceinline__ static void fetch_quads(const unsigned char* b, Fragments<Tile>& to) {
    TELESCOPE_UNROLL
    for (int half = 0; half < 2; ++half) {  // of k: rows t, then t + 4
      TELESCOPE_UNROLL
      for (int j = 0; j < Tile::n_tiles; j += 4) {
        const auto quad = load<4>(
            reinterpret_cast<const std::uint32_t*>(b + (half * 4 * padded(Tile::n) + j * 8) * 4));
        TELESCOPE_UNROLL
        for (int q = 0; q < 4; ++q) to.b[j + q][half] = quad[q];
      }
    }
  }

  __device__ __forceinline__ static void fetch_transposed(const unsigned char* b,
                                                          Fragments<Tile>& to) {
    TELESCOPE_UNROLL
    for (int j = 0; j < Tile::n_tiles; j += 2) {
      std::uint32_t pair[4];
      ldmatrix<true>(pair, b + j * 8 * 2);
      to.b[j][0] = pair[0];
      to.b[j][1] = pair[1];
      to.b[j + 1][0] = pair[2];
      to.b[j + 1][1] = pair[3];
    }
  }

  int a_, b_;
};

/// sums += the products of one slice.
template <class T, class Tile, class Operands>
__device__ __forceinline__ void multiply_slice(const Operands& operands, const unsigned char* stage,
                                               Sums<Tile>& sums) {
  Fragments<Tile> fragments[2];
  operands.fetch(stage, 0, fragments[0]);
  TELESCOPE_UNROLL
  for (int step = 0; step < Operands::steps; ++step) {
    if (step + 1 < Operands::steps) operands.fetch(stage, step + 1, fragments[(step + 1) % 2]);
    multiply_add<T>(sums, fragments[step % 2]);
  }
}

/// The pipeline: `slices` slices, of which Tile::stages - 1 are on their way while one is
/// multiplied. `load(stage)` starts the copies of the next slice, after a barrier each time;
/// `each(stage, slice)` may look at a slice that has come.
template <class T, class Tile, class Operands, class Load, class Each>
__device__ __forceinline__ void multiply(unsigned char* memory, int stage_bytes, int slices,
                                         const Operands& operands, const Load& load,
                                         const Each& each, Sums<Tile>& sums) {
  TELESCOPE_UNROLL
  for (int i = 0; i < Tile::stages - 1; ++i) {
    __syncthreads();
    if (i < slices) load(memory + i * stage_bytes);
    commit_copies();
  }
  int from = 0, to = Tile::stages - 1;
  for (int slice = 0; slice < slices; ++slice) {
    wait_copies<Tile::stages - 2>();
    __syncthreads();  // the slice is here for all, and all have read the one before
    if (slice + Tile::stages - 1 < slices) load(memory + to * stage_bytes);
    commit_copies();
    multiply_slice<T, Tile>(operands, memory + from * stage_bytes, sums);
    each(memory + from * stage_bytes, slice);
    from = from + 1 == Tile::stages ? 0 : from + 1;
    to = to + 1 == Tile::stages ? 0 : to + 1;
  }
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core
