// SPDX-License-Identifier: MIT
// Forward and input gradient as one computation on a GPU: the gradient with respect to the input is
// itself a correlation, of dy with the weights turned by half a turn. With a stride of t it is t x t
// of them, one for the pixels of each residue (row mod t, column mod t): each sees only the taps
// that reach its pixels, so that no product with a zero is computed.
#pragma once

#include <algorithm>

#include "core/error.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/simt/simt.h"
#include "kernels/workspace.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// Window (i, j) of image a, of r x s pixels, begins at pixel (i stride - top, j stride - left) and
/// becomes pixel (first_row + i step, first_column + j step) of image a of the result.
struct Correlation {
  int n, h, w, c;  // images that are read
  int k, r, s;     // weight of output k, tap (i, j), channel l: at first + k pitch_k + i pitch_r +
  int stride, top, left;  // j pitch_s + l
  int out_h, out_w;       // windows of an image
  int y_h, y_w, step, first_row, first_column;
  std::int64_t first, pitch_k, pitch_r, pitch_s;

  constexpr int windows() const { return n * out_h * out_w; }
  /// The pixel of the result that window m becomes, counted over all images.
  constexpr std::int64_t target(int m) const {
    if (step == 1) return m;
    const int j = m % out_w, i = m / out_w % out_h;
    const std::int64_t image = m / out_w / out_h;
    return (image * y_h + first_row + i * step) * y_w + first_column + j * step;
  }
};

/// Correlations that one launch computes, blockIdx.z choosing.
struct Correlations {
  static constexpr int most = 4;
  Correlation of[most];
  int count = 0;
};

inline int to_int(std::int64_t n) {
  TELESCOPE_CHECK(n < std::int64_t{1} << 31, "conv2d", "expected less than 2^31 pixels, got {}", n);
  return static_cast<int>(n);
}

/// The convolution itself; weights as they are.
inline Correlation correlation_of(const Conv2dShape& shape) {
  (void)to_int(shape.n * std::max(shape.h * shape.w, shape.out_h() * shape.out_w()));
  Correlation p{};
  p.n = to_int(shape.n), p.h = to_int(shape.h), p.w = to_int(shape.w), p.c = to_int(shape.c);
  p.k = to_int(shape.k), p.r = to_int(shape.r), p.s = to_int(shape.s);
  p.stride = to_int(shape.stride), p.top = p.left = to_int(shape.padding);
  p.out_h = p.y_h = to_int(shape.out_h()), p.out_w = p.y_w = to_int(shape.out_w());
  p.step = 1;
  p.pitch_s = shape.c, p.pitch_r = shape.s * p.pitch_s, p.pitch_k = shape.r * p.pitch_r;
  return p;
}

namespace detail {

/// In one direction: pixels phase, phase + stride, ... of the input are reached by taps last,
/// last - stride, ... of the kernel, the first from output -offset on.
struct PhaseTaps {
  int count, last, offset, pixels;
  PhaseTaps(int size, int stride, int padding, int phase, int extent) {
    const int first = (phase + padding) % stride;
    count = first < size ? (size - first + stride - 1) / stride : 0;
    last = first + (count - 1) * stride;
    offset = count - 1 - (phase + padding) / stride;
    pixels = (extent - phase + stride - 1) / stride;
  }
};

}  // namespace detail

/// The correlations of dy, with weights stored as [C, R, S, K], that make up the input gradient:
/// launches f(Correlations) until all are done.
template <class F>
void for_input_gradient(const Conv2dShape& shape, const F& f) {
  const Correlation forward = correlation_of(shape);
  Correlations group;
  for (int row = 0; row < std::min(forward.stride, forward.h); ++row) {
    for (int column = 0; column < std::min(forward.stride, forward.w); ++column) {
      const detail::PhaseTaps r(forward.r, forward.stride, forward.top, row, forward.h);
      const detail::PhaseTaps s(forward.s, forward.stride, forward.left, column, forward.w);
      Correlation p{};
      p.n = forward.n, p.h = forward.out_h, p.w = forward.out_w, p.c = forward.k;
      p.k = forward.c, p.r = s.count ? r.count : 0, p.s = r.count ? s.count : 0;
      p.stride = 1, p.top = r.offset, p.left = s.offset;
      p.out_h = r.pixels, p.out_w = s.pixels;
      p.y_h = forward.h, p.y_w = forward.w, p.step = forward.stride;
      p.first_row = row, p.first_column = column;
      const std::int64_t tap = shape.k, line = shape.s * tap;
      p.first = r.last * line + s.last * tap;
      p.pitch_s = -shape.stride * tap, p.pitch_r = -shape.stride * line;
      p.pitch_k = shape.r * line;
      group.of[group.count++] = p;
      if (group.count == Correlations::most) {
        f(group);
        group.count = 0;
      }
    }
  }
  if (group.count) f(group);
}

namespace detail {

template <class T>
__global__ void transpose_weight_kernel(int k, int taps, int c, const T* __restrict__ weight,
                                        T* __restrict__ to) {
  auto& tile = shared<T[32][33]>();
  const int tap = static_cast<int>(blockIdx.z), x = static_cast<int>(threadIdx.x);
  const int first_k = static_cast<int>(blockIdx.y) * 32,
            first_c = static_cast<int>(blockIdx.x) * 32;
  for (int i = static_cast<int>(threadIdx.y); i < 32; i += 8) {
    if (first_k + i < k && first_c + x < c) {
      tile[i][x] = weight[(std::int64_t{first_k + i} * taps + tap) * c + first_c + x];
    }
  }
  __syncthreads();
  for (int i = static_cast<int>(threadIdx.y); i < 32; i += 8) {
    if (first_c + i < c && first_k + x < k) {
      to[(std::int64_t{first_c + i} * taps + tap) * k + first_k + x] = tile[x][i];
    }
  }
}

template <class T>
__global__ void add_partials_kernel(int splits, std::int64_t n, const float* __restrict__ partials,
                                    T* __restrict__ sum) {
  const std::int64_t i = grid_thread();
  if (i >= n) return;
  float total = static_cast<float>(sum[i]);
  for (int split = 0; split < splits; ++split) total += partials[split * n + i];
  sum[i] = static_cast<T>(total);
}

}  // namespace detail

/// Weights [K, R, S, C] as [C, R, S, K].
template <class T>
Workspace<T> transposed_weight(const Stream& stream, const Conv2dShape& shape, const T* weight) {
  const Workspace<T> to(shape.weight_shape().numel(), stream.device());
  const dim3 grid(blocks_for(shape.c, 32), blocks_for(shape.k, 32),
                  static_cast<unsigned>(shape.r * shape.s));
  launch<detail::transpose_weight_kernel<T>>(stream, grid, dim3(32, 8), 0, shape.k,
                                             shape.r * shape.s, shape.c, weight, to.data());
  return to;
}

/// sum[i] += partials[0][i] + partials[1][i] + ..., i < n, in this order.
template <class T>
void add_partials(const Stream& stream, int splits, std::int64_t n, const float* partials, T* sum) {
  launch<detail::add_partials_kernel<T>>(stream, blocks_for(n, 256), 256, 0, splits, n, partials,
                                         sum);
}

/// Into how many pieces a sum over `most` parts is cut where `blocks` blocks share each piece and
/// leave n partial sums: enough to fill a large GPU, in at most 64 MiB.
inline int splits_for(std::int64_t blocks, std::int64_t most, std::int64_t n) {
  constexpr std::int64_t wanted_blocks = 1024, most_elements = 16 << 20;
  const std::int64_t wanted = (wanted_blocks + blocks - 1) / blocks;
  const std::int64_t fitting = std::max<std::int64_t>(most_elements / n, 1);
  return static_cast<int>(std::max<std::int64_t>(std::min({wanted, fitting, most}), 1));
}

/// Quotients by a number that the host knows, without dividing: for 0 <= n < 2^31.
/// Source: Granlund and Montgomery, Division by Invariant Integers using Multiplication, 1994.
class Divisor {
 public:
  explicit Divisor(int divisor) : divisor_(static_cast<unsigned>(divisor)) {
    while ((1u << shift_) < divisor_) ++shift_;
    const std::uint64_t power = std::uint64_t{1} << shift_;
    factor_ = static_cast<unsigned>((power - divisor_) * (std::uint64_t{1} << 32) / divisor_ + 1);
  }
  __device__ int quotient(int n) const {
    const auto u = static_cast<unsigned>(n);
    return static_cast<int>((__umulhi(factor_, u) + u) >> shift_);
  }
  __device__ int value() const { return static_cast<int>(divisor_); }

 private:
  unsigned divisor_, factor_ = 0, shift_ = 0;
};

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
