// SPDX-License-Identifier: MIT
// The transforms of F(4x4, 3x3) of tiles of images, of weights and back.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/winograd_transforms_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "kernels/conv2d/winograd.h"
#include "kernels/conv2d/winograd_matrices-inl.h"
#include "kernels/matmul/panels-inl.h"
#include "kernels/matmul/product.h"
#include "kernels/partial_vector-inl.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::winograd::Outputs, cpu::winograd::Tile, cpu::winograd::Transformed;
using cpu::winograd::Weights;
using namespace winograd;  // winograd_matrices-inl.h

constexpr std::int64_t max_lanes = HWY_MAX_BYTES / sizeof(float);

// Matrix on both sides of tiles of images of c channels; of the first `count` channels.
template <class Matrix>
HWY_INLINE void transform_tiles(std::int64_t tiles, const Tile* at, const float* x,
                                std::int64_t x_pitch, std::int64_t c, std::int64_t count,
                                Transformed where, float* to) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::vector<float> zeros;  // for pixels outside, once a tile has some
  for (std::int64_t t = 0; t < tiles; ++t) {
    const Tile& tile = at[t];
    const bool whole =
        tile.top == 0 && tile.left == 0 && tile.bottom == Matrix::in && tile.right == Matrix::in;
    const float* pixels[Matrix::in * Matrix::in];
    if (!whole || count % lanes != 0) {
      zeros.resize(static_cast<std::size_t>(count));
      for (std::int64_t row = 0; row < Matrix::in; ++row) {
        for (std::int64_t column = 0; column < Matrix::in; ++column) {
          const bool exists =
              row >= tile.top && row < tile.bottom && column >= tile.left && column < tile.right;
          pixels[row * Matrix::in + column] =
              exists ? x + tile.at + row * x_pitch + column * c : zeros.data();
        }
      }
    }
    for (std::int64_t i = 0; i < count; i += lanes) {
      const float* from = x + tile.at + i;
      float* there = to + t * where.pitch + i;
      const std::int64_t valid = std::min(lanes, count - i);
      const auto store = [=](int row, const V* out) HWY_ATTR {
#pragma GCC unroll 6
        for (int j = 0; j < Matrix::out; ++j) {
          hn::StoreU(out[j], D(), there + (row * Matrix::out + j) * where.plane);
        }
      };
      if (whole && valid == lanes) {
        transform<Matrix>(
            [=](int row, int column)
                HWY_ATTR { return hn::LoadU(D(), from + row * x_pitch + column * c); },
            store);
      } else {
        transform<Matrix>(
            [=, &pixels](int row, int column)
                HWY_ATTR { return load_first(D(), pixels[row * Matrix::in + column] + i, valid); },
            store);
      }
    }
  }
}

void input_tiles(std::int64_t tiles, const Tile* at, const float* x, std::int64_t x_pitch,
                 std::int64_t c, Transformed where, float* v) {
  transform_tiles<Input>(tiles, at, x, x_pitch, c, c, where, v);
}

void output_gradient_tiles(std::int64_t tiles, const Tile* at, const float* dy,
                           std::int64_t dy_pitch, std::int64_t k, std::int64_t count,
                           Transformed where, float* z) {
  transform_tiles<OutputGradient>(tiles, at, dy, dy_pitch, k, count, where, z);
}

void output_tiles(std::int64_t tiles, const Tile* at, const std::int64_t* starts, Transformed where,
                  const float* m, const Outputs& outputs) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const float* residual = outputs.addends.residual;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const Tile& tile = at[t];
    const bool whole = tile.bottom == Output::out && tile.right == Output::out;
    for (std::int64_t i = 0; i < outputs.count; i += lanes) {
      const float* from = m + t * where.pitch + i;
      const std::int64_t channel = outputs.first + i, first = tile.at + channel;
      const std::int64_t valid = std::min(lanes, outputs.count - i);
      const V start = hn::LoadU(d, outputs.addends.starts() + starts[t] + channel);
      const auto element = [=](int row, int column) HWY_ATTR {
        return hn::LoadU(D(), from + (row * Output::in + column) * where.plane);
      };
      if (whole && valid == lanes) {
        transform<Output>(element, [=, &outputs](int row, const V* out) HWY_ATTR {
#pragma GCC unroll 4
          for (int column = 0; column < Output::out; ++column) {
            const std::int64_t pixel = first + row * outputs.pitch + column * outputs.k;
            V sum = hn::Add(start, out[column]);
            if (residual) sum = hn::Add(sum, hn::LoadU(D(), residual + pixel));
            if (outputs.past_caches && whole_lines<float>) {
              hn::Stream(sum, D(), outputs.y + pixel);
            } else {
              hn::StoreU(sum, D(), outputs.y + pixel);
            }
          }
        });
      } else {
        transform<Output>(element, [=, &outputs, &tile](int row, const V* out) HWY_ATTR {
          if (row >= tile.bottom) return;
          for (std::int64_t column = 0; column < tile.right; ++column) {
            const std::int64_t pixel = first + row * outputs.pitch + column * outputs.k;
            V sum = hn::Add(start, out[column]);
            if (residual) sum = hn::Add(sum, load_first(D(), residual + pixel, valid));
            store_first(sum, D(), outputs.y + pixel, valid);
          }
        });
      }
    }
  }
  if (outputs.past_caches) hwy::FlushStream();
}

constexpr std::int64_t block_rows = 16;

// Taps of 16 x 16 weights or fewer as g[tap][row][column], columns a vector of output channels.
struct WeightBlock {
  HWY_ALIGN float g[9][block_rows][max_lanes];

  void load(const Weights& w, std::int64_t channel, std::int64_t columns, std::int64_t row,
            std::int64_t rows) {
    for (std::int64_t tap = 0; tap < 9; ++tap) {
      if (w.transposed) {
        for (std::int64_t i = 0; i < rows; ++i) {
          std::copy_n(w.elements + ((row + i) * 9 + 8 - tap) * w.k + channel, columns, g[tap][i]);
        }
      } else {
        transpose(columns, rows, w.elements + (channel * 9 + tap) * w.c + row, 9 * w.c, g[tap][0],
                  max_lanes);
      }
    }
  }
};

void packed_weights(const Weights& weights, std::int64_t first, std::int64_t count,
                    std::int64_t begin, std::int64_t end, float* u, std::int64_t plane) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  const Panels panels = panels_of<float>(count);
  WeightBlock block{};
  for (std::int64_t row = begin; row < end; row += block_rows) {
    const std::int64_t rows = std::min(block_rows, end - row);
    for (std::int64_t p = 0; p < panels.count; ++p) {
      const Panel panel = panels[p];
      const std::int64_t width = panel.vectors * lanes;
      for (std::int64_t v = 0; v < panel.vectors; ++v) {
        const std::int64_t column = (panel.first + v) * lanes;
        block.load(weights, first + column, std::min(lanes, count - column), row, rows);
        float* to = u + panel.first * lanes * weights.c + row * width + v * lanes;
        for (std::int64_t i = 0; i < rows; ++i, to += width) {
          transform<Weight>([&block, i](int r, int s)
                                HWY_ATTR { return hn::Load(D(), block.g[3 * r + s][i]); },
                            [=](int r, const V* out) HWY_ATTR {
                              for (int s = 0; s < 6; ++s)
                                hn::StoreU(out[s], D(), to + (r * 6 + s) * plane);
                            });
        }
      }
    }
  }
}

void weight_gradient_vectors(std::int64_t n, const float* u, std::int64_t plane, float* g) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  for (std::int64_t i = 0; i < n; i += lanes) {
    transform<WeightGradient>([=](int r, int s)
                                  HWY_ATTR { return hn::LoadU(D(), u + (r * 6 + s) * plane + i); },
                              [=](int r, const V* out) HWY_ATTR {
                                for (int s = 0; s < 3; ++s)
                                  hn::StoreU(out[s], D(), g + (r * 3 + s) * n + i);
                              });
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu::winograd {

void transform_input(std::int64_t tiles, const Tile* at, const float* x, std::int64_t x_pitch,
                     std::int64_t c, Transformed where, float* v) {
  TELESCOPE_SIMD(input_tiles)(tiles, at, x, x_pitch, c, where, v);
}

void transform_output_gradient(std::int64_t tiles, const Tile* at, const float* dy,
                               std::int64_t dy_pitch, std::int64_t k, std::int64_t count,
                               Transformed where, float* z) {
  TELESCOPE_SIMD(output_gradient_tiles)(tiles, at, dy, dy_pitch, k, count, where, z);
}

void transform_output(std::int64_t tiles, const Tile* at, const std::int64_t* starts,
                      Transformed where, const float* m, const Outputs& outputs) {
  TELESCOPE_SIMD(output_tiles)(tiles, at, starts, where, m, outputs);
}

void transform_weights(const Weights& weights, std::int64_t first, std::int64_t count,
                       std::int64_t begin, std::int64_t end, float* u, std::int64_t plane) {
  TELESCOPE_SIMD(packed_weights)(weights, first, count, begin, end, u, plane);
}

void transform_weight_gradient(std::int64_t n, const float* u, std::int64_t plane, float* g) {
  TELESCOPE_SIMD(weight_gradient_vectors)(n, u, plane, g);
}

}  // namespace telescope::kernels::cpu::winograd
#endif
