// SPDX-License-Identifier: MIT
// Loads of the tensor-core convolution: slices of the implicit matrix (a row for each output, a
// column for each tap and channel) and of the weights, copied to shared memory while earlier ones
// are multiplied. Forward and input gradient are the same gather with other numbers.
#pragma once

#include "kernels/conv2d/conv2d_tensor_core_layout.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core {

using namespace kernels::tensor_core;

/// Outputs that see the same taps: all of a forward pass; of an input gradient, those that lie alike
/// between the strides.
struct Phase {
  int r = 0, s = 0;          // taps
  int top = 0, left = 0;     // tap (0, 0) of output (i, j) is x(i stride - top, j stride - left)
  int out_h = 0, out_w = 0;  // outputs of an image
  int first_row = 0, first_column = 0;  // output (i, j) is y(first_row + i out_step, ...)
  std::int64_t rows = 0;                // n * out_h * out_w
  std::int64_t weight = 0;              // where its weights [k][r][s][c] begin
};
inline constexpr int most_phases = 4;

/// y[outputs][k] = x gathered [outputs][r s c] weight[k][r s c] + bias[k].
template <class T>
struct Gather {
  const T *x = nullptr, *weight = nullptr;
  const float* bias = nullptr;
  T* y = nullptr;
  int h = 0, w = 0, c = 0;  // images of x
  int k = 0;                // columns of y
  int y_h = 0, y_w = 0;     // images of y
  int stride = 1, out_step = 1;
  bool wide_stores = false;  // 16 bytes may be stored at once
  Phase phases[most_phases] = {};
};

/// Where an output's first tap is.
struct alignas(16) Origin {
  std::int64_t offset;  // of x(row, column, 0)
  int row, column;
};

/// Origins of the rows of a tile, and the pixels of y they are stored to (-1: none).
template <int m>
struct RowTable {
  Origin origins[m];
  std::int64_t pixels[m];
};

template <class T, int m>
__device__ __forceinline__ void fill_row_table(const Gather<T>& gather, const Phase& phase,
                                               std::int64_t first, RowTable<m>& table) {
  const int row = static_cast<int>(threadIdx.x);
  if (row >= m) return;
  const std::int64_t index = first + row;
  constexpr int nowhere = -(1 << 30);
  Origin origin{0, nowhere, nowhere};
  std::int64_t pixel = -1;
  if (index < phase.rows) {
    const std::int64_t line = index / phase.out_w, n = line / phase.out_h;
    const int i = static_cast<int>(line - n * phase.out_h);
    const int j = static_cast<int>(index - line * phase.out_w);
    origin.row = i * gather.stride - phase.top;
    origin.column = j * gather.stride - phase.left;
    origin.offset = ((n * gather.h + origin.row) * gather.w + origin.column) * gather.c;
    pixel = (n * gather.y_h + phase.first_row + i * gather.out_step) * gather.y_w +
            phase.first_column + j * gather.out_step;
  }
  table.origins[row] = origin;
  table.pixels[row] = pixel;
}

/// Which tap and channel a thread copies.
struct Tap {
  int r, s, c;
};

/// Goes along the columns of the implicit matrix. Where slices do not cross taps, taps come before
/// channels: neighbours read almost the same pixels one after the other.
class TapWalk {
 public:
  __device__ TapWalk(const Phase& phase, int channels, int column, int slice)
      : r_(phase.r),
        s_(max(phase.s, 1)),  // a phase may have no taps at all
        channels_(channels),
        slice_(slice),
        column_(column),
        whole_(channels % slice == 0) {
    if (whole_) {
      at_ = {0, 0, column};
    } else {
      split();
    }
  }
  __device__ __forceinline__ const Tap& at() const { return at_; }
  __device__ __forceinline__ bool inside() const { return at_.r < r_; }
  __device__ __forceinline__ void next() {
    if (!whole_) {
      column_ += slice_;
      return split();
    }
    if (++at_.s < s_) return;
    at_.s = 0;
    if (++at_.r < r_) return;
    at_.r = 0;
    at_.c += slice_;
  }

 private:
  __device__ __forceinline__ void split() {
    const int tap = column_ / channels_, r = tap / s_;
    at_ = {r, tap - r * s_, column_ - tap * channels_};
  }
  int r_, s_, channels_, slice_, column_;
  bool whole_;
  Tap at_{};
};

/// One thread's share of the copies of every slice: 16 bytes at a time where channels allow it, else
/// element by element.
template <class T, class Tile, bool wide>
class Loader {
  static constexpr int width = wide ? chunk_elements<T> : 1;  // elements of a copy
  static constexpr int columns = slice_elements<T> / width;   // copies of a row
  static constexpr int rows_apart = threads / columns;

 public:
  __device__ Loader(const Gather<T>& gather, const Phase& phase, const RowTable<Tile::m>& table,
                    int first_column)
      : gather_(gather),
        table_(table),
        row_(static_cast<int>(threadIdx.x) / columns),
        slice_column_(static_cast<int>(threadIdx.x) % columns * width),
        row_length_(phase.r * phase.s * gather.c),
        taps_w_(phase.s),
        rows_left_(gather.k - first_column - row_),
        weight_(gather.weight + phase.weight + (std::int64_t{first_column} + row_) * row_length_),
        walk_(phase, gather.c, slice_column_, slice_elements<T>) {}

  /// Starts the copies of the next slice: Tile::m rows of x, then Tile::n rows of weights.
  __device__ __forceinline__ void load(unsigned char* stage) {
    const Tap tap = walk_.at();
    const bool inside = walk_.inside();
    const T* from = gather_.x + std::int64_t{tap.r * gather_.w + tap.s} * gather_.c + tap.c;
    const auto height = static_cast<unsigned>(gather_.h),
               breadth = static_cast<unsigned>(gather_.w);
    TELESCOPE_UNROLL
    for (int row = 0; row < Tile::m; row += rows_apart) {
      const Origin origin = table_.origins[row_ + row];
      const bool valid = inside && static_cast<unsigned>(origin.row + tap.r) < height &&
                         static_cast<unsigned>(origin.column + tap.s) < breadth;
      copy(stage, row, from + origin.offset, gather_.x, valid);
    }
    const T* weight = weight_ + std::int64_t{tap.r * taps_w_ + tap.s} * gather_.c + tap.c;
    TELESCOPE_UNROLL
    for (int row = 0; row < Tile::n; row += rows_apart) {
      copy(stage + Tile::m * row_bytes, row, weight, gather_.weight, inside && row < rows_left_);
      weight += std::int64_t{rows_apart} * row_length_;
    }
    walk_.next();
  }

 private:
  // To row row_ + `row` of an operand; zeros unless valid.
  __device__ __forceinline__ void copy(unsigned char* operand, int row, const T* from,
                                       const T* anywhere, bool valid) const {
    const int in_chunk = slice_column_ % chunk_elements<T> * static_cast<int>(sizeof(T));
    unsigned char* to =
        operand + swizzled(row_ + row, slice_column_ / chunk_elements<T>) + in_chunk;
    constexpr int bytes = width * static_cast<int>(sizeof(T));
    if constexpr (bytes >= 4) {
      copy_async<bytes>(to, valid ? from : anywhere, valid ? bytes : 0);
    } else {
      *reinterpret_cast<T*>(to) = valid ? *from : T{};
    }
  }

  const Gather<T>& gather_;
  const RowTable<Tile::m>& table_;
  int row_, slice_column_, row_length_, taps_w_, rows_left_;
  const T* weight_;
  TapWalk walk_;
};

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core
