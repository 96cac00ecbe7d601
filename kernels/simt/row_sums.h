// SPDX-License-Identifier: MIT
// Long rows cut into pieces of one block each, and sums over rows. Not part of simt.h: for the
// kernels that need it.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/simt/simt.h"
#include "kernels/workspace.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// `rows` rows of `length` elements, each in at most 256 pieces of 4096 elements or more. How a row
/// is cut depends on its length alone, so that its sum has the same order in every batch.
struct RowPieces {
  static constexpr int threads = 256;
  static constexpr std::int64_t most = threads;  // a block takes one partial per thread

  std::int64_t rows, length, piece, per_row;

  RowPieces(std::int64_t how_many_rows, std::int64_t elements)
      : rows(how_many_rows), length(elements) {
    const std::int64_t share = (length + most - 1) / most;
    piece = std::max<std::int64_t>((share + 1023) / 1024 * 1024, 4096);
    per_row = std::max<std::int64_t>((length + piece - 1) / piece, 1);
  }
  unsigned blocks() const { return static_cast<unsigned>(rows * per_row); }

  /// Of block number blockIdx.x: its row, and its elements [begin, end) of it.
  struct Piece {
    std::int64_t row, begin, end;
  };
  __device__ __forceinline__ Piece of_block() const {
    const auto pieces = static_cast<unsigned>(per_row);
    const std::int64_t row = blockIdx.x / pieces, begin = blockIdx.x % pieces * piece;
    return {row, begin, min(begin + piece, length)};
  }
  /// Whether every row may be read in vectors of `width` elements if the first one may.
  bool whole_vectors(int width) const { return rows == 1 || length % width == 0; }
};

namespace detail {

template <int width, class F, class... X>
__device__ __forceinline__ double sum_of_packs(const F& f, const Pack<X, width>&... x) {
  double sum = f(static_cast<float>(x[0])...);
  TELESCOPE_UNROLL
  for (int i = 1; i < width; ++i) sum += f(static_cast<float>(x[i])...);
  return sum;
}

// A sum for every piece; for the row at once where it is the only one.
template <int width, class F, class Out, class... X>
__global__ void __launch_bounds__(RowPieces::threads)
    row_sums_kernel(F f, RowPieces pieces, double factor, Out* out, const X*... x) {
  const RowPieces::Piece piece = pieces.of_block();
  const std::int64_t row = piece.row * pieces.length;
  double sum = 0;
  std::int64_t i = piece.begin + threadIdx.x * width;
  for (; i + width <= piece.end; i += RowPieces::threads * width) {
    sum += sum_of_packs<width>(f, load<width>(x + row + i)...);
  }
  for (; i < piece.end && width > 1; ++i) sum += sum_of_packs<1>(f, load<1>(x + row + i)...);
  sum = block_sum<RowPieces::threads>(sum);
  if (threadIdx.x == 0) out[blockIdx.x] = static_cast<Out>(factor * sum);
}

// y[r] = factor * the sum of the `count` partials of row r, a warp for each.
template <class Out>
__global__ void __launch_bounds__(256)
    finish_rows_kernel(std::int64_t rows, int count, double factor, const double* partial, Out* y) {
  const std::int64_t row = std::int64_t{blockIdx.x} * 8 + warp_number();
  if (row >= rows) return;
  double sum = 0;
  for (int i = lane_number(); i < count; i += 32) sum += partial[row * count + i];
  sum = warp_sum(sum);
  if (lane_number() == 0) y[row] = static_cast<Out>(factor * sum);
}

}  // namespace detail

/// y[r] = factor * sum_i partial[r, i], i < count.
template <class Out>
void finish_rows(const Stream& stream, std::int64_t rows, std::int64_t count, double factor,
                 const double* partial, Out* y) {
  launch<detail::finish_rows_kernel<Out>>(stream, blocks_for(rows, 8), 256, 0, rows,
                                          static_cast<int>(count), factor, partial, y);
}

/// y[r] = factor * sum_j f(x[r, j]...), in double, x [rows, length]: f is a functor from floats to
/// double. One launch, and a small one more where a row has several pieces.
template <class F, class Out, class... X>
void sum_over_rows(const Stream& stream, const F& f, std::int64_t rows, std::int64_t length,
                   double factor, Out* y, const X*... x) {
  constexpr int width = 16 / std::min({sizeof(X)...});
  const RowPieces pieces(rows, length);
  const bool vectors = pieces.whole_vectors(width) && aligned_to(16, x...);
  const auto sum = [&]<class To>(double by, To* to) {
    if (vectors) {
      launch<detail::row_sums_kernel<width, F, To, X...>>(
          stream, pieces.blocks(), RowPieces::threads, 0, f, pieces, by, to, x...);
    } else {
      launch<detail::row_sums_kernel<1, F, To, X...>>(stream, pieces.blocks(), RowPieces::threads,
                                                      0, f, pieces, by, to, x...);
    }
  };
  if (pieces.per_row == 1) return sum(factor, y);
  const Workspace<double> partial(rows * pieces.per_row, stream.device());
  sum(1.0, partial.data());
  finish_rows(stream, rows, pieces.per_row, factor, partial.data(), y);
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
