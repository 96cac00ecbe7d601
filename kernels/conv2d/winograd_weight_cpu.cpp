// SPDX-License-Identifier: MIT
// Weight gradient in Winograd's form. As in conv2d_weight_cpu.cpp, tiles are cut into chunks that
// depend on the shape alone, each with a partial sum of its own; the sums are added up in order.
#include <algorithm>
#include <bit>

#include "core/parallel.h"
#include "core/profile.h"
#include "kernels/conv2d/channels.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu::winograd {
namespace {

constexpr std::uint64_t most_chunks = 16;  // threads that can be kept busy
constexpr std::uint64_t chunk_tiles = 96;  // fewer are not worth a partial sum
// Tiles that are transformed together: the more, the less often the 36 matrices of sums come and go.
constexpr std::int64_t batch = 64;

// The sum over tiles for some of k output channels: what one thread needs.
class ChunkSum {
 public:
  ChunkSum(const Windows& windows, const Tiles& tiles, std::int64_t k, const Channels& channels)
      : windows_(windows),
        tiles_(tiles),
        k_(k),
        first_(channels.first),
        count_(channels.count),
        c_(padded_columns<float>(windows.c)),
        v_at_(transformed(c_)),
        z_at_(transformed(padded_columns<float>(count_))),
        u_plane_(plane_of(count_, c_)),
        v_(planes * v_at_.plane),
        z_(planes * z_at_.plane),
        u_(planes * u_plane_),
        rows_(2 * count_) {
    for (std::int64_t i = 0; i < count_; ++i) {
      rows_.data()[i] = i;
      rows_.data()[count_ + i] = i * c_;
    }
  }

  // sum[k, r, s, :] of the tiles [begin, end), rows padded to whole vectors.
  void run(std::int64_t begin, std::int64_t end, const float* x, const float* dy, float* sum) {
    for (std::int64_t first = begin; first < end; first += batch) {
      add_batch(first, std::min(batch, end - first), x, dy, first > begin);
    }
    for (std::int64_t k = 0; k < count_; ++k) {
      transform_weight_gradient(c_, u_.data() + k * c_, u_plane_, sum + (first_ + k) * 9 * c_);
    }
  }

 private:
  // Rows that are not a multiple of 256 bytes apart do not fall into the same few sets of a cache.
  Transformed transformed(std::int64_t channels) const {
    const std::int64_t pitch = channels % 64 == 0 ? channels + 16 : channels;
    return {pitch, plane_of(batch, pitch)};
  }

  void add_batch(std::int64_t first, std::int64_t count, const float* x, const float* dy,
                 bool accumulate) {
    Tile x_at[max_batch], dy_at[max_batch];
    for (std::int64_t t = 0; t < count; ++t) {
      x_at[t] = tiles_.input(first + t);
      dy_at[t] = tiles_.output(first + t, k_);
    }
    transform_input(count, x_at, x, windows_.w * windows_.c, windows_.c, v_at_, v_.data());
    transform_output_gradient(count, dy_at, dy + first_, windows_.out_w * k_, k_, count_, z_at_,
                              z_.data());
    for (std::int64_t p = 0; p < planes; ++p) {
      float* u = u_.data() + p * u_plane_;
      multiply(Product<float>{.m = count_,
                              .n = windows_.c,
                              .length = count,
                              .a = z_.data() + p * z_at_.plane,
                              .a_row = rows_.data(),
                              .a_step = z_at_.pitch,
                              .b = v_.data() + p * v_at_.plane,
                              .packed = false,
                              .b_step = v_at_.pitch,
                              .addend = accumulate ? u : nullptr,
                              .c = u,
                              .c_row = rows_.data() + count_});
    }
  }

  const Windows& windows_;
  const Tiles& tiles_;
  std::int64_t k_, first_, count_, c_;  // c_: padded to whole vectors
  Transformed v_at_, z_at_;
  std::int64_t u_plane_;
  Scratch<float> v_, z_, u_;
  Scratch<std::int64_t> rows_;
};

}  // namespace

void weight_gradient(const Windows& windows, std::int64_t k, const float* x, const float* dy,
                     float* dweight) {
  const Scope scope("winograd");
  const Tiles tiles(windows);
  const auto wanted = static_cast<std::uint64_t>(tiles.count()) / chunk_tiles;
  // A power of two, as most numbers of threads are, so that they share the chunks evenly.
  const auto chunks =
      static_cast<std::int64_t>(std::bit_floor(std::clamp<std::uint64_t>(wanted, 1, most_chunks)));
  const std::int64_t c = padded_columns<float>(windows.c);
  const Scratch<float> partial(chunks * k * 9 * c);
  for_idle_threads(chunks, k, [&](const Channels& channels) {
    parallel_for(chunks, 1, [&](std::int64_t begin, std::int64_t end) {
      ChunkSum sum(windows, tiles, k, channels);
      for (std::int64_t i = begin; i < end; ++i) {
        sum.run(tiles.count() * i / chunks, tiles.count() * (i + 1) / chunks, x, dy,
                partial.data() + i * k * 9 * c);
      }
    });
  });
  parallel_for(k * 9, 1 + (1 << 14) / c, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t chunk = 0; chunk < chunks; ++chunk) {
      for (std::int64_t row = begin; row < end; ++row) {
        const float* from = partial.data() + (chunk * k * 9 + row) * c;
        float* to = dweight + row * windows.c;
        for (std::int64_t i = 0; i < windows.c; ++i) to[i] += from[i];
      }
    }
  });
}

}  // namespace telescope::kernels::cpu::winograd
