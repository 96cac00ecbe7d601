// SPDX-License-Identifier: MIT
// Winograd's minimal filtering F(4x4, 3x3) on the CPU: a tile of 4 x 4 outputs of a 3 x 3
// convolution from 36 multiplications instead of 144.
//
//   Y = At [ (G g Gt) o (Bt d B) ] A,   d: 6 x 6 inputs, g: 3 x 3 weights, o: element by element,
//
// summed over input channels before A: 36 matrix products of [tiles, C] and [C, K]. Its gradient is
// made of the transposed transforms: dg = Gt [ sum over tiles of (A dY At) o (Bt d B) ] G.
// f32; its rounding error is about 8e-7 of the norm of the result.
// Few input channels have its one-dimensional form instead, F(4, 3) for each row of the kernel.
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv2d/addends.h"
#include "kernels/conv2d/windows.h"

namespace telescope::kernels::cpu::winograd {

inline constexpr std::int64_t planes = 36;           // elements of a transformed tile
inline constexpr std::int64_t side = 4;              // outputs of a tile in each direction
inline constexpr std::int64_t taps = 3, points = 6;  // weights, and inputs, that they are made of

/// Whether correlate() is faster than the plain sum for these windows and k output channels.
bool correlate_pays(const Windows& windows, std::int64_t k);
/// The same for weight_gradient().
bool weight_gradient_pays(const Windows& windows, std::int64_t k);
/// Whether the variant is asked for, or pays where the choice is free.
inline bool chosen(Conv2dVariant variant, bool pays) {
  return variant == Conv2dVariant::winograd || (variant == Conv2dVariant::automatic && pays);
}

/// Weights [K, 3, 3, C]; or, `transposed`, [C, 3, 3, K], to be turned by half a turn.
struct Weights {
  const float* elements;
  std::int64_t c, k;
  bool transposed;
};

/// y[n, i, j, :] = addends + the correlation of `windows` (3 x 3, stride 1) of x with the weights.
void correlate(const Windows& windows, const Weights& weights, const float* x,
               const Addends<float>& addends, float* y);
/// The same with Winograd's form along rows alone; what correlate() does where there are at most
/// few_channels input channels.
void correlate_along_rows(const Windows& windows, const Weights& weights, const float* x,
                          const Addends<float>& addends, float* y);
inline constexpr std::int64_t few_channels = 15;

/// dweight [K, 3, 3, C] += the gradient of the weights; the same bits on any number of threads.
void weight_gradient(const Windows& windows, std::int64_t k, const float* x, const float* dy,
                     float* dweight);

/// A square of pixels: where the first stands, and which rows and columns of it exist. The others
/// are zero, and are not written.
struct Tile {
  std::int64_t at;
  std::int64_t top, bottom, left, right;  // rows [top, bottom), columns [left, right)
};

/// The tiles that cover the outputs of windows of 3 x 3, image by image, row by row.
class Tiles {
 public:
  explicit Tiles(const Windows& windows)
      : windows_(windows),
        high_((windows.out_h + side - 1) / side),
        wide_((windows.out_w + side - 1) / side) {}

  std::int64_t count() const { return windows_.n * high_ * wide_; }
  std::int64_t image(std::int64_t t) const { return t / (high_ * wide_); }
  /// The 6 x 6 pixels that tile t sees of x.
  Tile input(std::int64_t t) const {
    return square(t, side + 2, windows_.top, windows_.left, windows_.h, windows_.w, windows_.c);
  }
  /// Its 4 x 4 pixels of y, of k channels.
  Tile output(std::int64_t t, std::int64_t k) const {
    return square(t, side, 0, 0, windows_.out_h, windows_.out_w, k);
  }

 private:
  Tile square(std::int64_t t, std::int64_t size, std::int64_t top, std::int64_t left,
              std::int64_t h, std::int64_t w, std::int64_t c) const {
    const std::int64_t row = t / wide_ % high_ * side - top, column = t % wide_ * side - left;
    const auto inside = [size](std::int64_t i) { return std::clamp<std::int64_t>(i, 0, size); };
    return {((image(t) * h + row) * w + column) * c, inside(-row), inside(h - row), inside(-column),
            inside(w - column)};
  }

  Windows windows_;
  std::int64_t high_, wide_;
};

// --- transforms (winograd_transforms_cpu.cpp), on the calling thread -------------------------------

/// How transformed tiles lie: element p of channel i of tile t stands at [p plane + t pitch + i].
struct Transformed {
  std::int64_t pitch, plane;
};
/// Elements from one of 36 matrices to the next: a little more than it has, so that equal places of
/// them do not fall into the same set of a cache.
inline std::int64_t plane_of(std::int64_t rows, std::int64_t pitch) { return rows * pitch + 16; }
inline constexpr std::int64_t max_batch = 144;  // tiles that are transformed together

/// v = Bt d B of channels [0, c) of 6 x 6 tiles of x, whose rows are x_pitch apart.
void transform_input(std::int64_t tiles, const Tile* at, const float* x, std::int64_t x_pitch,
                     std::int64_t c, Transformed where, float* v);
/// z = A dy At of 4 x 4 tiles of dy, likewise; of `count` of its k channels.
void transform_output_gradient(std::int64_t tiles, const Tile* at, const float* dy,
                               std::int64_t dy_pitch, std::int64_t k, std::int64_t count,
                               Transformed where, float* z);

/// Where At m A of channels [first, first + count) of k goes, and what is added to it.
struct Outputs {
  std::int64_t first, count, k, pitch;
  const Addends<float>& addends;
  float* y;
  bool past_caches;
};
/// y = addends + At m A at 4 x 4 tiles; starts[t] is where the start of tile t's image stands.
void transform_output(std::int64_t tiles, const Tile* at, const std::int64_t* starts,
                      Transformed where, const float* m, const Outputs& outputs);

/// Matrix p of u, at u + p plane, is (G g Gt)[p] of output channels [first, first + count), packed as
/// pack() would; rows (input channels) [begin, end) of it, begin a multiple of 16.
void transform_weights(const Weights& weights, std::int64_t first, std::int64_t count,
                       std::int64_t begin, std::int64_t end, float* u, std::int64_t plane);
/// g[(3 r + s) n + i] = (Gt u G)[r, s] of u[p plane + i], i < n, a multiple of a vector.
void transform_weight_gradient(std::int64_t n, const float* u, std::int64_t plane, float* g);

}  // namespace telescope::kernels::cpu::winograd
