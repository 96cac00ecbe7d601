// SPDX-License-Identifier: MIT
// One small kernel for every wrapper and built-in that kernels use, to be held against plain loops
// on the host: what the simulator takes for granted, a GPU confirms. All pointers are memory of the
// stream's device.
#pragma once

#include <cstdint>

#include "core/dtype.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

enum class Factors { tf32, bf16, f16 };

/// What the lanes of two warps got, in order.
struct LaneResults {
  static constexpr int lanes = 64;
  float from_lane_5[lanes], partner[lanes], next[lanes], previous[lanes], in_halves[lanes];
  double wide[lanes];
  long long longs[lanes];
  unsigned odd[lanes];
  int any[lanes], all[lanes];
};

/// Of integers and floats of one thread each.
struct ArithmeticResults {
  unsigned high, ones, as_bits;
  int zeros, first, smaller, larger;
  float added, subtracted, multiplied, divided, root, fused, as_float;
  float quick_quotient, quick_exp, quick_log, inverse_root, exponential;
};

TELESCOPE_ON_EVERY_DEVICE(
    /// d += a b for each of two warps: a [2, 16, k], b [2, k, 8] row-major, d [2, 16, 8]; k is 8 and
    /// elements are words for tf32, else 16 and of 16 bits.
    void multiply_matrices(const Stream&, Factors factors, const void* a, const void* b, float* d);
    /// words [32 lanes, 4] of ldmatrix from rows [32, 8].
    void load_matrices(const Stream&, bool transposed, const std::uint16_t* rows,
                       std::uint32_t* words);

    /// 64 threads copy `bytes` each, of which thread i reads the first i % (bytes + 1).
    void copy_parts(const Stream&, int bytes, const std::uint8_t* from, std::uint8_t* to);
    /// to [3, 256] = from [3, 256] by three groups of copies, each read after its own wait.
    void copy_in_groups(const Stream&, const float* from, float* to);
    /// to[i] = from[i] by one access of `bytes` for each of n threads; 2, 4, 8 or 16.
    void copy_packs(const Stream&, int bytes, int n, const std::uint8_t* from, std::uint8_t* to);
    /// to[i] = from[n - 1 - i] by way of all n words of dynamic shared memory, in each of `blocks`.
    void reverse_words(const Stream&, int blocks, int n, const std::uint32_t* from,
                       std::uint32_t* to);
    /// [0, 1] two reads of one static variable, [2] of another; [3] bytes that dynamic memory is off
    /// from a multiple of 128.
    void use_variables(const Stream&, std::uint32_t* results);

    /// x [64] by shuffles and votes.
    void exchange_lanes(const Stream&, const float* x, LaneResults* results);
    /// x [1024]; sums and maxima of warps of 32 [1024], of eight blocks of 128 [1024], of all [1024].
    void reduce_threads(const Stream&, const float* x, float* warp_sums, float* warp_maxima,
                        float* block_sums, float* block_maxima, double* sums_of_all);
    /// Adds i to sums[i % 3], 1 to count and i to most, for n numbers i and as many threads.
    void count_together(const Stream&, int n, int* sums, unsigned long long* count, int* most,
                        float* whole_numbers);

    void round_to_tf32(const Stream&, int n, const float* x, std::uint32_t* y);
    void round_to_bf16(const Stream&, int n, const float* x, bfloat16* y, float* back);
    void calculate(const Stream&, int n, const float* x, const float* y,
                   ArithmeticResults* results);
    /// places [x, y, z] of the grid gets the number that each block works out for itself.
    void number_blocks(const Stream&, unsigned x, unsigned y, unsigned z, std::uint32_t* places);
    /// Asks for blocks of 2048 threads, which no device has.
    void start_too_large(const Stream&, float* y);)

}  // namespace telescope::kernels
