// SPDX-License-Identifier: MIT
#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu::winograd {
namespace {

// G g Gt of all weights, as 36 packed matrices [C, K].
class TransformedWeights {
 public:
  TransformedWeights(std::int64_t c, std::int64_t k, const float* weight, bool transposed)
      : plane_(c * padded_columns<float>(k)), packed_(planes * plane_) {
    const std::int64_t outer = transposed ? c : k, inner = transposed ? k : c, u_plane = c * k;
    const Scratch<float> plain(planes * u_plane);  // [36, outer, inner]
    float* u = plain.data();
    parallel_for(outer, 1 + (1 << 14) / inner, [=](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        transform_weight(inner, weight + i * 9 * inner, transposed, u + i * inner, u_plane);
      }
    });
    parallel_for(planes, 1 + (1 << 17) / u_plane, [=, this](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = begin; p < end; ++p) {
        pack(c, k, 0, c, u + p * u_plane, transposed ? inner : 1, transposed ? 1 : inner,
             packed_.data() + p * plane_);
      }
    });
  }
  const float* operator[](std::int64_t p) const { return packed_.data() + p * plane_; }

 private:
  std::int64_t plane_;
  Scratch<float> packed_;
};

// What one thread needs, and the computation of one block.
class Worker {
 public:
  Worker(const Windows& windows, const Windows& tiles, const Blocks& blocks, std::int64_t k)
      : windows_(windows),
        tiles_(tiles),
        k_(k),
        batch_(batch_of(windows.c, k)),
        v_plane_(plane_of(batch_, windows.c)),
        m_plane_(plane_of(batch_, k)),
        padded_(blocks.images() * tiles.image_pitch(blocks.rows()) +
                padded_columns<float>(windows.c) - windows.c),
        v_(planes * v_plane_),
        m_(planes * m_plane_) {
    for (std::int64_t t = 0; t < batch_; ++t) {
      v_row_[t] = t * padded_columns<float>(windows.c);
      m_row_[t] = t * padded_columns<float>(k);
    }
  }

  void run(const Block& block, const TransformedWeights& weights, const Addends<float>& addends,
           const float* x, float* y) {
    copy_padded(tiles_, block, x, padded_.data());
    const std::int64_t all = block.images * block.rows * tiles_.out_w;
    for (std::int64_t first = 0; first < all; first += batch_) {
      const std::int64_t count = std::min(batch_, all - first);
      place(block, first, count, addends);
      transform_input(count, padded_.data(), x_at_, tiles_.pitch(), tiles_.c, v_.data(), v_plane_);
      for (std::int64_t p = 0; p < planes; ++p) {
        multiply(Product<float>{.m = count,
                                .n = k_,
                                .length = tiles_.c,
                                .a = v_.data() + p * v_plane_,
                                .a_row = v_row_,
                                .b = weights[p],
                                .c = m_.data() + p * m_plane_,
                                .c_row = m_row_});
      }
      transform_output(count, m_.data(), m_plane_, addends, k_, y_at_, windows_.out_w * k_, y);
    }
  }

 private:
  // Finds tiles [first, first + count) of the block in the padded rows and in y.
  void place(const Block& block, std::int64_t first, std::int64_t count,
             const Addends<float>& addends) {
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t row = (first + t) / tiles_.out_w, j = (first + t) % tiles_.out_w * tile;
      const std::int64_t n = row / block.rows, i = row % block.rows;
      const std::int64_t y_row = (block.row + i) * tile;
      x_at_[t] = n * tiles_.image_pitch(block.rows) + i * tile * tiles_.pitch() + j * tiles_.c;
      y_at_[t] = {(((block.image + n) * windows_.out_h + y_row) * windows_.out_w + j) * k_,
                  std::min(tile, windows_.out_h - y_row), std::min(tile, windows_.out_w - j),
                  addends.start_at(block.image + n)};
    }
  }

  const Windows& windows_;
  const Windows& tiles_;
  std::int64_t k_, batch_, v_plane_, m_plane_;
  Scratch<float> padded_, v_, m_;
  std::int64_t x_at_[max_batch], v_row_[max_batch], m_row_[max_batch];
  OutputTile y_at_[max_batch];
};

}  // namespace

std::int64_t batch_of(std::int64_t c, std::int64_t k) {
  constexpr std::int64_t cache = 900 << 10;
  const std::int64_t bytes = planes * (c + k) * std::int64_t{sizeof(float)};
  return std::clamp<std::int64_t>(cache / bytes / 8 * 8, 8, max_batch);
}

std::int64_t plane_of(std::int64_t batch, std::int64_t channels) {
  return batch * padded_columns<float>(channels) + 16;  // keeps planes off the same cache sets
}

Windows tiles_of(const Windows& windows) {
  Windows tiles = windows;
  tiles.r = tiles.s = 6;
  tiles.stride = tile;
  tiles.out_h = (windows.out_h + tile - 1) / tile;
  tiles.out_w = (windows.out_w + tile - 1) / tile;
  return tiles;
}

bool pays(const Windows& windows, std::int64_t k) {
  if (windows.r != 3 || windows.s != 3 || windows.stride != 1) return false;
  if (windows.c < 16 || k < 16) return false;
  const Windows tiles = tiles_of(windows);
  const std::int64_t computed = tiles.out_h * tiles.out_w * tile * tile;
  // Too few outputs do not pay for the transform of the weights.
  return computed * 2 <= windows.out_h * windows.out_w * 3 && windows.n * computed >= 512;
}

void correlate(const Windows& windows, std::int64_t k, const float* x, const float* weight,
               bool transposed, const Addends<float>& addends, float* y) {
  const TransformedWeights weights(windows.c, k, weight, transposed);
  const Windows tiles = tiles_of(windows);
  const Blocks blocks(tiles, sizeof(float), thread_count());
  parallel_for(blocks.count(), 1, [&](std::int64_t begin, std::int64_t end) {
    Worker worker(windows, tiles, blocks, k);
    for (std::int64_t i = begin; i < end; ++i) worker.run(blocks[i], weights, addends, x, y);
  });
}

}  // namespace telescope::kernels::cpu::winograd
