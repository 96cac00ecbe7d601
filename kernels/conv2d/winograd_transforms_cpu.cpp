// SPDX-License-Identifier: MIT
// The transforms of F(4x4, 3x3) with the points 0, 1, -1, 2, -2 and infinity, a vector of channels
// at a time: first along the columns of a tile, then along its rows.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv2d/winograd_transforms_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;
using cpu::padded_columns;
using cpu::winograd::OutputTile;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

constexpr std::int64_t max_lanes = HWY_MAX_BYTES / sizeof(float);

HWY_INLINE V set(float value) { return hn::Set(D(), value); }

// The points 0, +-a, +-b, infinity. 5/8 and 3/2 lose half as much as the usual 1 and 2 (7.6e-7 of
// the norm where those lose 1.7e-6, the largest error five times less), and all of Bt and At is
// exact.
constexpr float a = 0.625f, b = 1.5f, aa = a * a, bb = b * b;
constexpr float over_a = 1 / (2 * aa * (aa - bb)), over_b = 1 / (2 * bb * (bb - aa));

// t = Bt d: the coefficients of x (x^2 - a^2) (x^2 - b^2), each factor left out in turn.
HWY_INLINE void input_1d(const V* d, V* t) {
  const V even_a = hn::NegMulAdd(set(bb), d[2], d[4]), even_b = hn::NegMulAdd(set(aa), d[2], d[4]);
  const V odd_a = hn::Mul(set(a), hn::NegMulAdd(set(bb), d[1], d[3]));
  const V odd_b = hn::Mul(set(b), hn::NegMulAdd(set(aa), d[1], d[3]));
  t[0] = hn::MulAdd(set(aa * bb), d[0], hn::NegMulAdd(set(aa + bb), d[2], d[4]));
  t[1] = hn::Add(even_a, odd_a);
  t[2] = hn::Sub(even_a, odd_a);
  t[3] = hn::Add(even_b, odd_b);
  t[4] = hn::Sub(even_b, odd_b);
  t[5] = hn::MulAdd(set(aa * bb), d[1], hn::NegMulAdd(set(aa + bb), d[3], d[5]));
}

// y = At m: the powers 0 to 3 of the points.
HWY_INLINE void output_1d(const V* m, V* y) {
  const V even_a = hn::Add(m[1], m[2]), odd_a = hn::Sub(m[1], m[2]);
  const V even_b = hn::Add(m[3], m[4]), odd_b = hn::Sub(m[3], m[4]);
  y[0] = hn::Add(hn::Add(m[0], even_a), even_b);
  y[1] = hn::MulAdd(set(a), odd_a, hn::Mul(set(b), odd_b));
  y[2] = hn::MulAdd(set(aa), even_a, hn::Mul(set(bb), even_b));
  y[3] = hn::MulAdd(set(a * aa), odd_a, hn::MulAdd(set(b * bb), odd_b, m[5]));
}

// u = G g: the powers 0 to 2 of the points, over the product of their distances.
HWY_INLINE void weight_1d(const V* g, V* u) {
  const V even_a = hn::MulAdd(set(aa), g[2], g[0]), odd_a = hn::Mul(set(a), g[1]);
  const V even_b = hn::MulAdd(set(bb), g[2], g[0]), odd_b = hn::Mul(set(b), g[1]);
  u[0] = hn::Mul(set(1 / (aa * bb)), g[0]);
  u[1] = hn::Mul(set(over_a), hn::Add(even_a, odd_a));
  u[2] = hn::Mul(set(over_a), hn::Sub(even_a, odd_a));
  u[3] = hn::Mul(set(over_b), hn::Add(even_b, odd_b));
  u[4] = hn::Mul(set(over_b), hn::Sub(even_b, odd_b));
  u[5] = g[2];
}

// z = A y, the transpose of output_1d
HWY_INLINE void output_gradient_1d(const V* y, V* z) {
  const V even_a = hn::MulAdd(set(aa), y[2], y[0]), even_b = hn::MulAdd(set(bb), y[2], y[0]);
  const V odd_a = hn::Mul(set(a), hn::MulAdd(set(aa), y[3], y[1]));
  const V odd_b = hn::Mul(set(b), hn::MulAdd(set(bb), y[3], y[1]));
  z[0] = y[0];
  z[1] = hn::Add(even_a, odd_a);
  z[2] = hn::Sub(even_a, odd_a);
  z[3] = hn::Add(even_b, odd_b);
  z[4] = hn::Sub(even_b, odd_b);
  z[5] = y[3];
}

// g = Gt u, the transpose of weight_1d
HWY_INLINE void weight_gradient_1d(const V* u, V* g) {
  const V even_a = hn::Mul(set(over_a), hn::Add(u[1], u[2]));
  const V even_b = hn::Mul(set(over_b), hn::Add(u[3], u[4]));
  const V odd_a = hn::Sub(u[1], u[2]), odd_b = hn::Sub(u[3], u[4]);
  g[0] = hn::MulAdd(set(1 / (aa * bb)), u[0], hn::Add(even_a, even_b));
  g[1] = hn::MulAdd(set(over_a * a), odd_a, hn::Mul(set(over_b * b), odd_b));
  g[2] = hn::MulAdd(set(aa), even_a, hn::MulAdd(set(bb), even_b, u[5]));
}

// Where the elements of a tile of vectors stand.
struct Steps {
  std::int64_t row, column;
};

// One vector of channels of a tile: kIn x kIn elements to kOut x kOut.
template <int kIn, int kOut, class F>
HWY_INLINE void transform(const F& function, const float* from, Steps in, float* to, Steps out) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN float columns[kOut * kIn * max_lanes];
  V x[kIn], y[kOut];
  for (int j = 0; j < kIn; ++j) {
    for (int i = 0; i < kIn; ++i) x[i] = hn::LoadU(d, from + i * in.row + j * in.column);
    function(x, y);
    for (int i = 0; i < kOut; ++i) hn::Store(y[i], d, columns + (i * kIn + j) * lanes);
  }
  for (int i = 0; i < kOut; ++i) {
    for (int j = 0; j < kIn; ++j) x[j] = hn::Load(d, columns + (i * kIn + j) * lanes);
    function(x, y);
    for (int j = 0; j < kOut; ++j) hn::StoreU(y[j], d, to + i * out.row + j * out.column);
  }
}

void input_tiles(std::int64_t tiles, const float* x, const std::int64_t* x_at, std::int64_t pitch,
                 std::int64_t c, float* v, std::int64_t v_plane) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  for (std::int64_t t = 0; t < tiles; ++t, v += padded_columns<float>(c)) {
    for (std::int64_t i = 0; i < c; i += lanes) {
      transform<6, 6>([](const V* in, V* out) HWY_ATTR { input_1d(in, out); }, x + x_at[t] + i,
                      {pitch, c}, v + i, {6 * v_plane, v_plane});
    }
  }
}

void output_gradient_tiles(std::int64_t tiles, const float* dy, const std::int64_t* dy_at,
                           std::int64_t pitch, std::int64_t k, float* z, std::int64_t z_plane) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  for (std::int64_t t = 0; t < tiles; ++t, z += padded_columns<float>(k)) {
    for (std::int64_t i = 0; i < k; i += lanes) {
      transform<4, 6>([](const V* in, V* out) HWY_ATTR { output_gradient_1d(in, out); },
                      dy + dy_at[t] + i, {pitch, k}, z + i, {6 * z_plane, z_plane});
    }
  }
}

void weight_gradient_vectors(std::int64_t n, const float* u, std::int64_t u_plane, float* g) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(D()));
  for (std::int64_t i = 0; i < n; i += lanes) {
    transform<6, 3>([](const V* in, V* out) HWY_ATTR { weight_gradient_1d(in, out); }, u + i,
                    {6 * u_plane, u_plane}, g + i, {3 * n, n});
  }
}

void output_tiles(std::int64_t tiles, const float* m, std::int64_t m_plane,
                  const cpu::Addends<float>& addends, std::int64_t k, const OutputTile* placed,
                  std::int64_t pitch, float* y) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN float columns[24 * max_lanes];  // At m
  HWY_ALIGN float some[max_lanes];
  for (std::int64_t t = 0; t < tiles; ++t, m += padded_columns<float>(k)) {
    for (std::int64_t i = 0; i < k; i += lanes) {
      V in[6], out[4];
      for (int column = 0; column < 6; ++column) {
        for (int row = 0; row < 6; ++row) {
          in[row] = hn::LoadU(d, m + (row * 6 + column) * m_plane + i);
        }
        output_1d(in, out);
        for (int row = 0; row < 4; ++row) {
          hn::Store(out[row], d, columns + (row * 6 + column) * lanes);
        }
      }
      const V start = hn::LoadU(d, addends.starts() + placed[t].start + i);
      for (std::int64_t row = 0; row < placed[t].rows; ++row) {
        for (int column = 0; column < 6; ++column) {
          in[column] = hn::Load(d, columns + (row * 6 + column) * lanes);
        }
        output_1d(in, out);
        std::int64_t at = placed[t].at + row * pitch + i;
        for (std::int64_t column = 0; column < 4; ++column, at += k) {
          if (column >= placed[t].columns) break;
          V sum = hn::Add(start, out[column]);
          const float* residual = addends.residual ? addends.residual + at : nullptr;
          if (k - i >= lanes) {
            if (residual) sum = hn::Add(sum, hn::LoadU(d, residual));
            hn::StoreU(sum, d, y + at);
          } else {
            hn::Store(sum, d, some);
            for (std::int64_t j = 0; j < k - i; ++j) {
              y[at + j] = residual ? some[j] + residual[j] : some[j];
            }
          }
        }
      }
    }
  }
}

void weight_vectors(std::int64_t n, const float* weight, bool turned, float* u,
                    std::int64_t u_plane) {
  const D d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN float columns[18 * max_lanes];  // G g
  HWY_ALIGN float some[max_lanes] = {};
  for (std::int64_t i = 0; i < n; i += lanes) {
    const std::int64_t valid = std::min(lanes, n - i);
    V in[3], out[6];
    for (int s = 0; s < 3; ++s) {
      for (int r = 0; r < 3; ++r) {
        const int tap = turned ? 8 - (3 * r + s) : 3 * r + s;
        std::copy_n(weight + tap * n + i, valid, some);
        in[r] = hn::Load(d, some);
      }
      weight_1d(in, out);
      for (int row = 0; row < 6; ++row) hn::Store(out[row], d, columns + (row * 3 + s) * lanes);
    }
    for (int row = 0; row < 6; ++row) {
      for (int s = 0; s < 3; ++s) in[s] = hn::Load(d, columns + (row * 3 + s) * lanes);
      weight_1d(in, out);
      for (int column = 0; column < 6; ++column) {
        hn::Store(out[column], d, some);
        std::copy_n(some, valid, u + (row * 6 + column) * u_plane + i);
      }
    }
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu::winograd {

void transform_input(std::int64_t tiles, const float* x, const std::int64_t* x_at,
                     std::int64_t pitch, std::int64_t c, float* v, std::int64_t v_plane) {
  TELESCOPE_SIMD(input_tiles)(tiles, x, x_at, pitch, c, v, v_plane);
}

void transform_output(std::int64_t tiles, const float* m, std::int64_t m_plane,
                      const Addends<float>& addends, std::int64_t k, const OutputTile* placed,
                      std::int64_t pitch, float* y) {
  TELESCOPE_SIMD(output_tiles)(tiles, m, m_plane, addends, k, placed, pitch, y);
}

void transform_weight(std::int64_t n, const float* weight, bool turned, float* u,
                      std::int64_t u_plane) {
  TELESCOPE_SIMD(weight_vectors)(n, weight, turned, u, u_plane);
}

void transform_output_gradient(std::int64_t tiles, const float* dy, const std::int64_t* dy_at,
                               std::int64_t pitch, std::int64_t k, float* z, std::int64_t z_plane) {
  TELESCOPE_SIMD(output_gradient_tiles)(tiles, dy, dy_at, pitch, k, z, z_plane);
}

void transform_weight_gradient(std::int64_t n, const float* u, std::int64_t u_plane, float* g) {
  TELESCOPE_SIMD(weight_gradient_vectors)(n, u, u_plane, g);
}

}  // namespace telescope::kernels::cpu::winograd
#endif
