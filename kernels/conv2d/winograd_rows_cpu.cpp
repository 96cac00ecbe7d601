// SPDX-License-Identifier: MIT
// Winograd's form along rows alone: F(4, 3) for each of the three rows of a kernel, so that 4 outputs
// of a row take 18 multiplications instead of 36. For images of few channels, colours for instance:
// what F(4x4, 3x3) saves beyond that, its transforms would cost again.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/winograd_rows_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/cache_control.h>
#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.h"
#include "kernels/conv2d/scratch.h"
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
using cpu::Addends, cpu::Scratch, cpu::Windows;
using cpu::winograd::Weights;
using namespace winograd;  // winograd_matrices-inl.h

constexpr std::int64_t taps = cpu::winograd::taps, points = cpu::winograd::points;
constexpr std::int64_t side = cpu::winograd::side;
constexpr std::int64_t lanes = hn::MaxLanes(D());

// Register tiles are two tiles of a row by up to two vectors of output channels: the sums of all six
// points, or of three where there are few registers.
constexpr int tiles_at_once = 2, vectors_at_once = 2;
constexpr int points_at_once = many_registers ? 6 : 3;

// Transformed rows of x, as many tiles of them as stay in the first-level cache.
constexpr std::int64_t strip = 32;

// Transforms tiles [first, first + count) of one row of an image, to v[channel][point][tile].
class RowTransform {
 public:
  explicit RowTransform(const Windows& windows)
      : windows_(windows),
        line_((strip + 1) * side * windows.c),
        phases_(side * windows.c * phase_pitch) {
    std::fill_n(phases_.data(), side * windows.c * phase_pitch, 0.0f);
  }
  static std::int64_t size(std::int64_t c) { return c * points * strip; }

  void run(const float* image, std::int64_t row, std::int64_t first, std::int64_t count,
           float* v) const {
    const std::int64_t c = windows_.c;
    if (row < 0 || row >= windows_.h) {
      std::fill_n(v, size(c), 0.0f);
      return;
    }
    // Pixels of these tiles and the two after them, those outside of the image zero.
    const std::int64_t pixels = (count + 1) * side, from = first * side - windows_.left;
    const std::int64_t begin = std::clamp<std::int64_t>(-from, 0, pixels);
    const std::int64_t end = std::clamp<std::int64_t>(windows_.w - from, begin, pixels);
    float* line = line_.data();
    std::fill(line, line + begin * c, 0.0f);
    std::copy_n(image + (row * windows_.w + from + begin) * c, (end - begin) * c, line + begin * c);
    std::fill(line + end * c, line + pixels * c, 0.0f);
    float* phases = phases_.data();
    transpose(count + 1, side * c, line, side * c, phases, phase_pitch);
    for (std::int64_t channel = 0; channel < c; ++channel) {
      for (std::int64_t t = 0; t < count; t += lanes) {
        V out[points];
        const float* phase = phases + channel * phase_pitch + t;
        apply_all<Input>(
            [=](int j)
                HWY_ATTR { return hn::LoadU(D(), phase + j % side * c * phase_pitch + j / side); },
            out);
#pragma GCC unroll 6
        for (std::int64_t j = 0; j < points; ++j) {
          hn::StoreU(out[j], D(), v + (channel * points + j) * strip + t);
        }
      }
    }
  }

 private:
  static constexpr std::int64_t phase_pitch = strip + 16;
  const Windows& windows_;
  Scratch<float> line_, phases_;  // phases: pixel modulo 4 and channel, then tile
};

template <int kVectors>
using Sums = V[points][tiles_at_once][kVectors];

// x in a register: gcc would load it from memory again for each use.
HWY_INLINE V in_register(V x) {
#if HWY_TARGET == HWY_AVX2 || HWY_TARGET == HWY_AVX3 || HWY_TARGET == HWY_AVX3_DL
  auto raw = x.raw;
  asm("" : "+v"(raw));
  x = V{raw};
#endif
  return x;
}

// m = the sums over rows of the kernel and channels of v u, at tiles t and t + 1.
template <int kVectors>
HWY_INLINE void add_products(std::int64_t c, const float* const (&rows)[taps], std::int64_t t,
                             const float* u, Sums<kVectors>& m) {
  for (int first = 0; first < points; first += points_at_once) {
    V sum[points_at_once][tiles_at_once][kVectors];
#pragma GCC unroll 6
    for (int j = 0; j < points_at_once; ++j) {
#pragma GCC unroll 2
      for (int i = 0; i < tiles_at_once; ++i) {
#pragma GCC unroll 2
        for (int k = 0; k < kVectors; ++k) sum[j][i][k] = hn::Zero(D());
      }
    }
    const float* weights = u + first * kVectors * lanes;
    for (const float* row : rows) {
      const float* v = row + first * strip + t;
      for (std::int64_t channel = 0; channel < c; ++channel) {
#pragma GCC unroll 6
        for (int j = 0; j < points_at_once; ++j) {
          V weight[kVectors];
#pragma GCC unroll 2
          for (int k = 0; k < kVectors; ++k) {
            weight[k] = in_register(hn::LoadU(D(), weights + (j * kVectors + k) * lanes));
          }
#pragma GCC unroll 2
          for (int i = 0; i < tiles_at_once; ++i) {
            const V element = hn::Set(D(), v[j * strip + i]);
#pragma GCC unroll 2
            for (int k = 0; k < kVectors; ++k) {
              sum[j][i][k] = hn::MulAdd(element, weight[k], sum[j][i][k]);
            }
          }
        }
        v += points * strip;
        weights += points * kVectors * lanes;
      }
    }
#pragma GCC unroll 6
    for (int j = 0; j < points_at_once; ++j) {
#pragma GCC unroll 2
      for (int i = 0; i < tiles_at_once; ++i) {
#pragma GCC unroll 2
        for (int k = 0; k < kVectors; ++k) m[first + j][i][k] = sum[j][i][k];
      }
    }
  }
}

// Some pixels of a row of y, for up to two vectors of channels.
struct Target {
  const float* starts;
  const float* residual;  // or null
  float* y;
  std::int64_t k, valid;  // channels from pixel to pixel; those of the last vector that exist
  bool past_caches;
};

enum class Store { some, all, past_caches };

// addends + At m, at pixels from number `first` on: all of two tiles, or `pixels` of them.
template <Store store, int kVectors>
HWY_INLINE void store_outputs(const Sums<kVectors>& m, const Target& target, std::int64_t first,
                              std::int64_t pixels) {
  V y[tiles_at_once][kVectors][side], start[kVectors];
#pragma GCC unroll 2
  for (int k = 0; k < kVectors; ++k) {
    start[k] = hn::LoadU(D(), target.starts + k * lanes);
#pragma GCC unroll 2
    for (int i = 0; i < tiles_at_once; ++i) {
      apply_all<Output>([&](int j) HWY_ATTR { return m[j][i][k]; }, y[i][k]);
    }
  }
  float* to = target.y + first * target.k;
  const float* residual = target.residual ? target.residual + first * target.k : nullptr;
  constexpr int most = tiles_at_once * side;
#pragma GCC unroll 8
  for (int i = 0; i < most; ++i) {
    if (store == Store::some && i >= pixels) continue;
#pragma GCC unroll 2
    for (int k = 0; k < kVectors; ++k) {
      const std::int64_t at = i * target.k + k * lanes;
      V sum = hn::Add(start[k], y[i / side][k][i % side]);
      if (store == Store::some && k + 1 == kVectors) {
        if (residual) sum = hn::Add(sum, load_first(D(), residual + at, target.valid));
        store_first(sum, D(), to + at, target.valid);
        continue;
      }
      if (residual) sum = hn::Add(sum, hn::LoadU(D(), residual + at));
      if (store == Store::past_caches) {
        hn::Stream(sum, D(), to + at);
      } else {
        hn::StoreU(sum, D(), to + at);
      }
    }
  }
}

// Tiles t and t + 1. Not inline: what a loop around it would keep in registers, the sums need.
template <int kVectors>
HWY_NOINLINE void two_tiles(std::int64_t c, const float* const (&rows)[taps], std::int64_t t,
                            const float* u, const Target& target, std::int64_t pixels) {
  Sums<kVectors> m;
  add_products<kVectors>(c, rows, t, u, m);
  if (pixels < tiles_at_once * side || target.valid < lanes)
    store_outputs<Store::some, kVectors>(m, target, t * side, pixels);
  else if (target.past_caches)
    store_outputs<Store::past_caches, kVectors>(m, target, t * side, pixels);
  else
    store_outputs<Store::all, kVectors>(m, target, t * side, pixels);
}

template <int kVectors>
void strip_of_row(std::int64_t c, const float* const (&rows)[taps], const float* u,
                  const Target& target, std::int64_t pixels) {
  for (std::int64_t t = 0; t * side < pixels; t += tiles_at_once) {
    two_tiles<kVectors>(c, rows, t, u, target, pixels - t * side);
  }
}

// Rows [begin, end) of the outputs of all images, counted together.
void correlate_rows(const Windows& windows, std::int64_t k, const float* x, const float* u,
                    const Addends<float>& addends, std::int64_t begin, std::int64_t end, float* y) {
  const std::int64_t c = windows.c, size = RowTransform::size(c);
  const RowTransform transform_row(windows);
  const Scratch<float> v(taps * size);
  const std::int64_t tiles = (windows.out_w + side - 1) / side;
  const bool past_caches =
      addends.written_past_caches(y, windows.n * windows.out_h * windows.out_w, k);
  for (std::int64_t first = 0; first < tiles; first += strip) {
    const std::int64_t count = std::min(strip, tiles - first);
    const std::int64_t pixels = std::min(count * side, windows.out_w - first * side);
    std::int64_t known = 0;  // rows of x of this image that are transformed
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t image = i / windows.out_h, out_row = i % windows.out_h;
      if (i == begin || out_row == 0) known = out_row;
      for (; known < out_row + taps; ++known) {
        transform_row.run(x + image * windows.h * windows.w * c, known - windows.top, first, count,
                          v.data() + known % taps * size);
      }
      const float* rows[taps];
      for (std::int64_t r = 0; r < taps; ++r) rows[r] = v.data() + (out_row + r) % taps * size;
      for (std::int64_t column = 0; column < k; column += vectors_at_once * lanes) {
        const std::int64_t at = (i * windows.out_w + first * side) * k + column;
        const std::int64_t left = k - column, before = left > lanes ? lanes : 0;
        const Target target{.starts = addends.starts() + addends.start_at(image) + column,
                            .residual = addends.residual ? addends.residual + at : nullptr,
                            .y = y + at,
                            .k = k,
                            .valid = std::min(lanes, left - before),
                            .past_caches = past_caches};
        const float* weights = u + column * taps * c * points;
        if (left > lanes)
          strip_of_row<2>(c, rows, weights, target, pixels);
        else
          strip_of_row<1>(c, rows, weights, target, pixels);
      }
    }
  }
  if (past_caches) hwy::FlushStream();
}

// u[r][channel][point][vector], for two vectors of output channels after the other.
void transform_row_weights(const Weights& weights, float* u) {
  const std::int64_t c = weights.c, k = weights.k;
  const auto weight = [&](std::int64_t to, std::int64_t r, std::int64_t s, std::int64_t from) {
    const std::int64_t tap = r * taps + s, last = taps * taps - 1;
    return weights.transposed ? weights.elements[(from * taps * taps + last - tap) * k + to]
                              : weights.elements[(to * taps * taps + tap) * c + from];
  };
  for (std::int64_t column = 0; column < k; column += vectors_at_once * lanes) {
    const std::int64_t vectors = k - column > lanes ? 2 : 1;
    for (std::int64_t r = 0; r < taps; ++r) {
      for (std::int64_t channel = 0; channel < c; ++channel, u += points * vectors * lanes) {
        for (std::int64_t vector = 0; vector < vectors; ++vector) {
          HWY_ALIGN float g[taps][lanes] = {};
          for (std::int64_t i = 0; i < lanes; ++i) {
            const std::int64_t to = column + vector * lanes + i;
            for (std::int64_t s = 0; s < taps && to < k; ++s) g[s][i] = weight(to, r, s, channel);
          }
          V out[points];
          apply_all<Weight>([&](int s) HWY_ATTR { return hn::Load(D(), g[s]); }, out);
          for (std::int64_t j = 0; j < points; ++j) {
            hn::StoreU(out[j], D(), u + (j * vectors + vector) * lanes);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu::winograd {

void correlate_along_rows(const Windows& windows, const Weights& weights, const float* x,
                          const Addends<float>& addends, float* y) {
  const Scratch<float> u(taps * weights.c * points * padded_columns<float>(weights.k));
  TELESCOPE_SIMD(transform_row_weights)(weights, u.data());
  constexpr std::int64_t worth_a_thread = 1 << 14;  // elements of y
  const std::int64_t grain = 1 + worth_a_thread / (windows.out_w * weights.k);
  parallel_for(windows.n * windows.out_h, grain, [&](std::int64_t begin, std::int64_t end) {
    TELESCOPE_SIMD(correlate_rows)(windows, weights.k, x, u.data(), addends, begin, end, y);
  });
}

}  // namespace telescope::kernels::cpu::winograd
#endif
