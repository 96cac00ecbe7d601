// SPDX-License-Identifier: MIT
#include <algorithm>

#include "core/parallel.h"
#include "core/profile.h"
#include "kernels/conv2d/channels.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu::winograd {
namespace {

// G g Gt of the weights of some output channels, as 36 packed matrices.
class TransformedWeights {
 public:
  TransformedWeights(const Weights& weights, const Channels& channels)
      : plane_(plane_of(weights.c, padded_columns<float>(channels.count))),
        packed_(planes * plane_) {
    constexpr std::int64_t rows = 16;  // at a time
    const std::int64_t grain = 1 + (1 << 13) / (rows * channels.count);
    parallel_for((weights.c + rows - 1) / rows, grain, [&](std::int64_t begin, std::int64_t end) {
      transform_weights(weights, channels.first, channels.count, begin * rows,
                        std::min(end * rows, weights.c), packed_.data(), plane_);
    });
  }
  const float* operator[](std::int64_t p) const { return packed_.data() + p * plane_; }

 private:
  std::int64_t plane_;
  Scratch<float> packed_;
};

// Tiles whose transforms, of c channels before and k after the products, stay in the second-level
// cache: they are transformed and multiplied together.
std::int64_t batch_of(std::int64_t c, std::int64_t k) {
  constexpr std::int64_t cache = 640 << 10;
  const std::int64_t bytes = planes * (c + k) * std::int64_t{sizeof(float)};
  return std::clamp<std::int64_t>(cache / bytes / 12 * 12, 12, max_batch);
}

// What one thread needs, and the computation of some tiles.
class Worker {
 public:
  Worker(const Windows& windows, const Tiles& tiles, std::int64_t c, const Channels& channels,
         std::int64_t k)
      : windows_(windows),
        tiles_(tiles),
        c_(c),
        k_(k),
        channels_(channels),
        batch_(batch_of(c, channels.count)),
        in_(tile_by_tile(c)),
        out_(tile_by_tile(channels.count)),
        v_(batch_ * in_.pitch),
        m_(batch_ * out_.pitch) {
    for (std::int64_t t = 0; t < batch_; ++t) {
      v_row_[t] = t * in_.pitch;
      m_row_[t] = t * out_.pitch;
    }
  }

  void run(std::int64_t begin, std::int64_t end, const TransformedWeights& weights, const float* x,
           const Addends<float>& addends, float* y) {
    const std::int64_t batches = (end - begin + batch_ - 1) / batch_;
    const bool past_caches =
        addends.written_past_caches(y, windows_.n * windows_.out_h * windows_.out_w, k_);
    for (std::int64_t i = 0; i < batches; ++i) {
      const std::int64_t first = begin + (end - begin) * i / batches;
      const std::int64_t count = begin + (end - begin) * (i + 1) / batches - first;
      for (std::int64_t t = 0; t < count; ++t) {
        x_at_[t] = tiles_.input(first + t);
        y_at_[t] = tiles_.output(first + t, k_);
        start_[t] = addends.start_at(tiles_.image(first + t));
      }
      transform_input(count, x_at_, x, windows_.w * c_, c_, in_, v_.data());
      for (std::int64_t p = 0; p < planes; ++p) {
        multiply(Product<float>{.m = count,
                                .n = channels_.count,
                                .length = c_,
                                .a = v_.data() + p * in_.plane,
                                .a_row = v_row_,
                                .b = weights[p],
                                .c = m_.data() + p * out_.plane,
                                .c_row = m_row_});
      }
      transform_output(count, y_at_, start_, out_, m_.data(),
                       {.first = channels_.first,
                        .count = channels_.count,
                        .k = k_,
                        .pitch = windows_.out_w * k_,
                        .addends = addends,
                        .y = y,
                        .past_caches = past_caches});
    }
  }

 private:
  // All of a tile lies together, in few pages, since a transform writes or reads it at once.
  static Transformed tile_by_tile(std::int64_t channels) {
    const std::int64_t plane = padded_columns<float>(channels);
    return {.pitch = plane_of(planes, plane), .plane = plane};
  }

  const Windows& windows_;
  const Tiles& tiles_;
  std::int64_t c_, k_;
  Channels channels_;
  std::int64_t batch_;
  Transformed in_, out_;
  Scratch<float> v_, m_;
  std::int64_t v_row_[max_batch], m_row_[max_batch], start_[max_batch];
  Tile x_at_[max_batch], y_at_[max_batch];
};

// Whether F(4x4, 3x3) is faster than the plain sum.
bool tiles_pay(const Windows& windows, std::int64_t k) {
  if (windows.r != 3 || windows.s != 3 || windows.stride != 1) return false;
  if (windows.c <= few_channels || k <= few_channels) return false;
  const std::int64_t computed = Tiles(windows).count() * side * side;
  // Measured: it loses where half as much again is computed as is there, and where the transform of
  // the weights, c k of them, costs more than so few outputs save.
  return computed * 2 <= windows.n * windows.out_h * windows.out_w * 3 &&
         computed >= std::max(windows.c, k);
}

}  // namespace

bool weight_gradient_pays(const Windows& windows, std::int64_t k) { return tiles_pay(windows, k); }

bool correlate_pays(const Windows& windows, std::int64_t k) {
  if (windows.r != 3 || windows.s != 3 || windows.stride != 1) return false;
  if (windows.c > few_channels) return tiles_pay(windows, k);
  // Measured: two tiles of a row are computed at least, and few output channels are better summed
  // by multiply_narrow(), if only a row of a window fills its vectors.
  return windows.out_w > side && (k > narrow_columns || 3 * windows.c < padded_columns<float>(1));
}

void correlate(const Windows& windows, const Weights& weights, const float* x,
               const Addends<float>& addends, float* y) {
  const Scope scope("winograd");
  if (windows.c <= few_channels) return correlate_along_rows(windows, weights, x, addends, y);
  constexpr std::int64_t tiles_worth_a_thread = 12;
  const Tiles tiles(windows);
  for_idle_threads(tiles.count() / tiles_worth_a_thread, weights.k, [&](const Channels& channels) {
    const TransformedWeights transformed(weights, channels);
    parallel_for(tiles.count(), tiles_worth_a_thread, [&](std::int64_t begin, std::int64_t end) {
      Worker(windows, tiles, weights.c, channels, weights.k)
          .run(begin, end, transformed, x, addends, y);
    });
  });
}

}  // namespace telescope::kernels::cpu::winograd
