// SPDX-License-Identifier: MIT
// Where the operands of the tensor-core convolution lie in shared memory, and which lane reads what:
// plain arithmetic, so that a test can count banks without a kernel. All offsets are in bytes.
//
// A tile of outputs is m x n, worked on by four warps; the reduction goes in slices of 128 bytes
// (32 elements of f32, 64 of bf16) through a ring of stages.
#pragma once

namespace telescope::kernels::tensor_core {

inline constexpr int threads = 128;
/// What the choices of tiles and splits reckon with: an H100's or H200's.
inline constexpr int multiprocessors = 132;
/// Of one row of a slice, and of what one copy moves.
inline constexpr int row_bytes = 128, chunk_bytes = 16;
/// k of one mma, in bytes of an operand's row: 8 of tf32, 16 of bf16.
inline constexpr int step_bytes = 32, steps = row_bytes / step_bytes;

template <class T>
inline constexpr int slice_elements = row_bytes / static_cast<int>(sizeof(T));
template <class T>
inline constexpr int chunk_elements = chunk_bytes / static_cast<int>(sizeof(T));

/// m x n outputs of a block out of warp_m x warp_n of each warp; `blocks` are meant to fit on a
/// multiprocessor at once.
template <int m_, int n_, int warp_m_, int warp_n_, int stages_, int blocks_>
struct Tile {
  static constexpr int m = m_, n = n_, warp_m = warp_m_, warp_n = warp_n_;
  static constexpr int stages = stages_, blocks = blocks_;
  static constexpr int warps_n = n / warp_n;
  static constexpr int m_tiles = warp_m / 16, n_tiles = warp_n / 8;  // of mma
  static_assert(m / warp_m * warps_n == threads / 32);
};

// --- rows that run along the reduction: forward and input gradient -------------------------------

/// Of a chunk of a row. The eight rows that ldmatrix reads at a time have their chunks in eight
/// different groups of four banks.
constexpr int swizzled(int row, int chunk) {
  return row * row_bytes + (chunk ^ (row & 7)) * chunk_bytes;
}

/// The address that a lane gives ldmatrix for step 0 of 16 rows of A: (g, .), (g+8, .), then the
/// right halves. Step s is at offset ^ (s * step_bytes), the next 16 rows at + 16 * row_bytes.
constexpr int a_rows(int lane) { return swizzled(lane % 16, lane / 16); }
/// The same for 16 rows of B, two mma wide: left and right half of eight rows, then of the next.
constexpr int b_rows(int lane) { return swizzled(lane % 8 + lane / 16 * 8, lane / 8 % 2); }

/// Of a chunk of a pixel of a tile with its halo, whose rows are read from any one on: padded by
/// four banks, so that eight pixels in a row lie in different ones and a tap is a constant further.
inline constexpr int halo_pitch = row_bytes + chunk_bytes;
constexpr int halo_chunk(int pixel, int chunk) { return pixel * halo_pitch + chunk * chunk_bytes; }

// --- rows that run across the reduction, one for each pixel: weight gradient ---------------------

/// Elements from one row to the next of a slice of `width`: 8 more, which is 8 banks for f32 and 4
/// for bf16.
constexpr int padded(int width) { return width + 8; }

/// tf32: lane (g, t) reads four columns from 4 g on of row t (and t + 4), 16 bytes at a time. The
/// rows of an mma may be any, as long as the sums are stored where they belong: mma i of a warp
/// takes elements i of the lanes' four.
constexpr int column_quad(int lane, int width) {
  return (lane % 4 * padded(width) + lane / 4 * 4) * 4;
}
/// bf16: the address that a lane gives the transposing ldmatrix for 16 columns of A or of B.
constexpr int a_columns(int lane, int width) {
  return ((lane % 8 + lane / 16 * 8) * padded(width) + lane / 8 % 2 * 8) * 2;
}
constexpr int b_columns(int lane, int width) {
  return (lane % 16 * padded(width) + lane / 16 * 8) * 2;
}

}  // namespace telescope::kernels::tensor_core
