// SPDX-License-Identifier: MIT
// Weight gradient in Winograd's form. As in conv2d_weight_cpu.cpp, tiles are cut into chunks that
// depend on the shape alone, each with a partial sum of its own; the sums are added up in order.
#include <algorithm>

#include "core/parallel.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu::winograd {
namespace {

constexpr std::int64_t most_chunks = 16;   // threads that can be kept busy
constexpr std::int64_t chunk_tiles = 128;  // fewer are not worth a partial sum

// The 4 x 4 pixels of dy that belong to each tile.
Windows gradient_tiles_of(const Windows& tiles, const Windows& windows, std::int64_t k) {
  Windows result = tiles;
  result.h = windows.out_h;
  result.w = windows.out_w;
  result.c = k;
  result.r = result.s = tile;
  result.top = result.left = 0;
  return result;
}

// Elements of the padded rows of any block, and of what vectors may read behind them.
std::int64_t padded_size(const Windows& tiles, const Blocks& blocks) {
  return blocks.images() * tiles.image_pitch(blocks.rows()) + padded_columns<float>(tiles.c);
}

// Sums chunks of blocks: what one thread needs.
class ChunkSum {
 public:
  ChunkSum(const Windows& tiles, const Windows& dy_tiles, const Blocks& blocks)
      : tiles_(tiles),
        dy_tiles_(dy_tiles),
        blocks_(blocks),
        c_(padded_columns<float>(tiles.c)),
        k_(padded_columns<float>(dy_tiles.c)),
        batch_(batch_of(tiles.c, dy_tiles.c)),
        v_plane_(plane_of(batch_, tiles.c)),
        z_plane_(plane_of(batch_, dy_tiles.c)),
        u_plane_(dy_tiles.c * c_ + 16),
        x_(padded_size(tiles, blocks)),
        dy_(padded_size(dy_tiles, blocks)),
        v_(planes * v_plane_),
        z_(planes * z_plane_),
        u_(planes * u_plane_),
        rows_(2 * dy_tiles.c) {
    for (std::int64_t i = 0; i < dy_tiles.c; ++i) {
      rows_.data()[i] = i;
      rows_.data()[dy_tiles.c + i] = i * c_;
    }
  }

  // sum[k, r, s, :] of the blocks [begin, end), rows padded to whole vectors.
  void run(std::int64_t begin, std::int64_t end, const float* x, const float* dy, float* sum) {
    bool accumulate = false;
    for (std::int64_t i = begin; i < end; ++i) {
      const Block block = blocks_[i];
      copy_padded(tiles_, block, x, x_.data());
      copy_padded(dy_tiles_, block, dy, dy_.data());
      const std::int64_t all = block.images * block.rows * tiles_.out_w;
      for (std::int64_t first = 0; first < all; first += batch_) {
        add_batch(block, first, std::min(batch_, all - first), accumulate);
        accumulate = true;
      }
    }
    for (std::int64_t k = 0; k < dy_tiles_.c; ++k) {
      transform_weight_gradient(c_, u_.data() + k * c_, u_plane_, sum + k * 9 * c_);
    }
  }

 private:
  void add_batch(const Block& block, std::int64_t first, std::int64_t count, bool accumulate) {
    std::int64_t x_at[max_batch], dy_at[max_batch];
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t row = (first + t) / tiles_.out_w, j = (first + t) % tiles_.out_w;
      const std::int64_t n = row / block.rows, i = row % block.rows;
      const auto place = [=, &block](const Windows& w) {
        return n * w.image_pitch(block.rows) + tile * (i * w.pitch() + j * w.c);
      };
      x_at[t] = place(tiles_);
      dy_at[t] = place(dy_tiles_);
    }
    transform_input(count, x_.data(), x_at, tiles_.pitch(), tiles_.c, v_.data(), v_plane_);
    transform_output_gradient(count, dy_.data(), dy_at, dy_tiles_.pitch(), dy_tiles_.c, z_.data(),
                              z_plane_);
    for (std::int64_t p = 0; p < planes; ++p) {
      multiply(Product<float>{.m = dy_tiles_.c,
                              .n = tiles_.c,
                              .length = count,
                              .a = z_.data() + p * z_plane_,
                              .a_row = rows_.data(),
                              .a_step = k_,
                              .b = v_.data() + p * v_plane_,
                              .packed = false,
                              .b_step = c_,
                              .addend = accumulate ? u_.data() + p * u_plane_ : nullptr,
                              .c = u_.data() + p * u_plane_,
                              .c_row = rows_.data() + dy_tiles_.c});
    }
  }

  const Windows& tiles_;
  const Windows& dy_tiles_;
  const Blocks& blocks_;
  std::int64_t c_, k_;  // channels, padded to whole vectors
  std::int64_t batch_, v_plane_, z_plane_, u_plane_;
  Scratch<float> x_, dy_, v_, z_, u_;
  Scratch<std::int64_t> rows_;
};

}  // namespace

void weight_gradient(const Windows& windows, std::int64_t k, const float* x, const float* dy,
                     float* dweight) {
  const Windows tiles = tiles_of(windows), dy_tiles = gradient_tiles_of(tiles, windows, k);
  const std::int64_t wanted =
      std::clamp<std::int64_t>(tiles.n * tiles.out_h * tiles.out_w / chunk_tiles, 1, most_chunks);
  const Blocks blocks(tiles, sizeof(float), wanted);
  const std::int64_t chunks = std::min(blocks.count(), wanted), c = padded_columns<float>(tiles.c);
  const Scratch<float> partial(chunks * k * 9 * c);
  parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) {
    ChunkSum sum(tiles, dy_tiles, blocks);
    for (std::int64_t i = begin; i < end; ++i) {
      sum.run(blocks.count() * i / chunks, blocks.count() * (i + 1) / chunks, x, dy,
              partial.data() + i * k * 9 * c);
    }
  });
  parallel_for(k * 9, 1 + (1 << 14) / c, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* from = partial.data() + (chunk * k * 9 + row) * c;
        float* to = dweight + row * tiles.c;
        for (std::int64_t i = 0; i < tiles.c; ++i) to[i] += from[i];
      }
    }
  });
}

}  // namespace telescope::kernels::cpu::winograd
