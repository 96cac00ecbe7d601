// SPDX-License-Identifier: MIT
// Winograd's minimal filtering F(4x4, 3x3) on the CPU: a tile of 4 x 4 outputs of a 3 x 3
// convolution from 36 multiplications instead of 144.
//
//   Y = At [ (G g Gt) o (Bt d B) ] A,   d: 6 x 6 inputs, g: 3 x 3 weights, o: element by element,
//
// summed over input channels before A: 36 matrix products of [tiles, C] and [C, K]. Its gradient is
// made of the transposed transforms: dg = Gt [ sum over tiles of (A dY At) o (Bt d B) ] G.
// f32; its rounding error is about 8e-7 of the norm of the result.
// Source: Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, arXiv:1509.09308.
#pragma once

#include <cstdint>

#include "kernels/conv2d/addends.h"
#include "kernels/conv2d/windows.h"

namespace telescope::kernels::cpu::winograd {

inline constexpr std::int64_t planes = 36;  // elements of a transformed tile
inline constexpr std::int64_t tile = 4;     // outputs of a tile in each direction

/// Whether F(4x4, 3x3) is faster than the plain sum for these windows and k output channels.
bool pays(const Windows& windows, std::int64_t k);
/// Whether it is asked for, or pays where the choice is free.
inline bool chosen(Conv2dVariant variant, const Windows& windows, std::int64_t k) {
  return variant == Conv2dVariant::winograd ||
         (variant == Conv2dVariant::automatic && pays(windows, k));
}

/// The 6 x 6 windows, 4 apart, that cover the 3 x 3 windows.
Windows tiles_of(const Windows& windows);

/// y[n, i, j, :] = addends + the correlation of `windows` (3 x 3, stride 1) with the weights [K, 3, 3,
/// C], or, with `transposed`, with weights [C, 3, 3, K] turned by half a turn.
void correlate(const Windows& windows, std::int64_t k, const float* x, const float* weight,
               bool transposed, const Addends<float>& addends, float* y);

/// dweight [K, 3, 3, C] += the gradient of the weights; the same bits on any number of threads.
void weight_gradient(const Windows& windows, std::int64_t k, const float* x, const float* dy,
                     float* dweight);

/// Tiles whose transforms, of c channels before and k after the products, fit the second-level cache:
/// they are transformed and multiplied together. At most max_batch.
std::int64_t batch_of(std::int64_t c, std::int64_t k);
inline constexpr std::int64_t max_batch = 64;
/// Elements from one plane of a batch to the next.
std::int64_t plane_of(std::int64_t batch, std::int64_t channels);

// --- transforms (winograd_transforms_cpu.cpp), on the calling thread
// --------------------------------

/// A tile of outputs: where its first pixel stands, how many rows and columns of it exist, and where
/// what is added to each pixel of it stands.
struct OutputTile {
  std::int64_t at, rows, columns, start;
};

/// v[p v_plane + t padded_columns(c) + i] = (Bt d B)[p] of channel i of the tile at x[x_at[t]],
/// rows `pitch` apart. Reads up to padded_columns(c) - c elements behind a tile.
void transform_input(std::int64_t tiles, const float* x, const std::int64_t* x_at,
                     std::int64_t pitch, std::int64_t c, float* v, std::int64_t v_plane);
/// y = addends + At m A at placed[t], from m[p m_plane + t padded_columns(k) + i]; rows of y `pitch`
/// apart.
void transform_output(std::int64_t tiles, const float* m, std::int64_t m_plane,
                      const Addends<float>& addends, std::int64_t k, const OutputTile* placed,
                      std::int64_t pitch, float* y);
/// u[p u_plane + i] = (G g Gt)[p] of n weights g at weight[(3 r + s) n + i]; turned by half a turn
/// with `turned`.
void transform_weight(std::int64_t n, const float* weight, bool turned, float* u,
                      std::int64_t u_plane);

/// z[p z_plane + t padded_columns(k) + i] = (A dy At)[p] of the 4 x 4 pixels at dy[dy_at[t]], rows
/// `pitch` apart. Reads up to padded_columns(k) - k elements behind a tile.
void transform_output_gradient(std::int64_t tiles, const float* dy, const std::int64_t* dy_at,
                               std::int64_t pitch, std::int64_t k, float* z, std::int64_t z_plane);
/// g[(3 r + s) n + i] = (Gt u G)[r, s] of u[p u_plane + i], i < n, a multiple of a vector.
void transform_weight_gradient(std::int64_t n, const float* u, std::int64_t u_plane, float* g);

}  // namespace telescope::kernels::cpu::winograd
