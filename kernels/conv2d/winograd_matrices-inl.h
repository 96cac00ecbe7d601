// SPDX-License-Identifier: MIT
// The matrices of F(4x4, 3x3) with the points 0, a, -a, b, -b and infinity, applied to tiles of
// vectors of channels. Include it after kernels/simd.h, once per instruction set (hence no #pragma
// once).
#if defined(TELESCOPE_KERNELS_CONV2D_WINOGRAD_MATRICES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef TELESCOPE_KERNELS_CONV2D_WINOGRAD_MATRICES_INL_H_
#undef TELESCOPE_KERNELS_CONV2D_WINOGRAD_MATRICES_INL_H_
#else
#define TELESCOPE_KERNELS_CONV2D_WINOGRAD_MATRICES_INL_H_
#endif

#include <hwy/highway.h>

#include <iterator>

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE::winograd {
namespace hn = hwy::HWY_NAMESPACE;
using D = hn::ScalableTag<float>;
using V = hn::Vec<D>;

HWY_INLINE V set(float value) { return hn::Set(D(), value); }

// 5/8 and 3/2 lose half as much as the usual 1 and 2 (7.6e-7 of the norm where those lose 1.7e-6,
// the largest error five times less), and all of Bt and At is exact.
constexpr float a = 0.625f, b = 1.5f, aa = a * a, bb = b * b;
constexpr float over_a = 1 / (2 * aa * (aa - bb)), over_b = 1 / (2 * bb * (bb - aa));

// Each matrix below makes `out` numbers of `in`, in pairs that share terms: pair g is the numbers
// rows[g][0] and rows[g][1] of the result (-1: none).

// Bt: the coefficients of x (x^2 - a^2) (x^2 - b^2), each factor left out in turn.
struct Input {
  static constexpr int in = 6, out = 6, rows[][2] = {{0, 5}, {1, 2}, {3, 4}};
  template <int pair, class Element>
  static HWY_INLINE void apply(const Element& d, V& first, V& second) {
    if constexpr (pair == 0) {
      first = hn::MulAdd(set(aa * bb), d(0), hn::NegMulAdd(set(aa + bb), d(2), d(4)));
      second = hn::MulAdd(set(aa * bb), d(1), hn::NegMulAdd(set(aa + bb), d(3), d(5)));
    } else {
      constexpr float point = pair == 1 ? a : b, other = pair == 1 ? bb : aa;
      const V even = hn::NegMulAdd(set(other), d(2), d(4));
      const V odd = hn::Mul(set(point), hn::NegMulAdd(set(other), d(1), d(3)));
      first = hn::Add(even, odd);
      second = hn::Sub(even, odd);
    }
  }
};

// At: the powers 0 to 3 of the points.
struct Output {
  static constexpr int in = 6, out = 4, rows[][2] = {{0, 2}, {1, 3}};
  template <int pair, class Element>
  static HWY_INLINE void apply(const Element& m, V& first, V& second) {
    if constexpr (pair == 0) {
      const V even_a = hn::Add(m(1), m(2)), even_b = hn::Add(m(3), m(4));
      first = hn::Add(hn::Add(m(0), even_a), even_b);
      second = hn::MulAdd(set(aa), even_a, hn::Mul(set(bb), even_b));
    } else {
      const V odd_a = hn::Sub(m(1), m(2)), odd_b = hn::Sub(m(3), m(4));
      first = hn::MulAdd(set(a), odd_a, hn::Mul(set(b), odd_b));
      second = hn::MulAdd(set(a * aa), odd_a, hn::MulAdd(set(b * bb), odd_b, m(5)));
    }
  }
};

// A, the transpose
struct OutputGradient {
  static constexpr int in = 4, out = 6, rows[][2] = {{0, 5}, {1, 2}, {3, 4}};
  template <int pair, class Element>
  static HWY_INLINE void apply(const Element& y, V& first, V& second) {
    if constexpr (pair == 0) {
      first = y(0);
      second = y(3);
    } else {
      constexpr float point = pair == 1 ? a : b, square = point * point;
      const V even = hn::MulAdd(set(square), y(2), y(0));
      const V odd = hn::Mul(set(point), hn::MulAdd(set(square), y(3), y(1)));
      first = hn::Add(even, odd);
      second = hn::Sub(even, odd);
    }
  }
};

// G: the powers 0 to 2 of the points, over the product of their distances.
struct Weight {
  static constexpr int in = 3, out = 6, rows[][2] = {{0, 5}, {1, 2}, {3, 4}};
  template <int pair, class Element>
  static HWY_INLINE void apply(const Element& g, V& first, V& second) {
    if constexpr (pair == 0) {
      first = hn::Mul(set(1 / (aa * bb)), g(0));
      second = g(2);
    } else {
      constexpr float point = pair == 1 ? a : b, scale = pair == 1 ? over_a : over_b;
      const V even = hn::MulAdd(set(point * point), g(2), g(0)), odd = hn::Mul(set(point), g(1));
      first = hn::Mul(set(scale), hn::Add(even, odd));
      second = hn::Mul(set(scale), hn::Sub(even, odd));
    }
  }
};

// Gt, the transpose
struct WeightGradient {
  static constexpr int in = 6, out = 3, rows[][2] = {{0, 2}, {1, -1}};
  template <int pair, class Element>
  static HWY_INLINE void apply(const Element& u, V& first, V& second) {
    if constexpr (pair == 0) {
      const V even_a = hn::Mul(set(over_a), hn::Add(u(1), u(2)));
      const V even_b = hn::Mul(set(over_b), hn::Add(u(3), u(4)));
      first = hn::MulAdd(set(1 / (aa * bb)), u(0), hn::Add(even_a, even_b));
      second = hn::MulAdd(set(aa), even_a, hn::MulAdd(set(bb), even_b, u(5)));
    } else {
      const V odd_a = hn::Sub(u(1), u(2)), odd_b = hn::Sub(u(3), u(4));
      first = hn::MulAdd(set(over_a * a), odd_a, hn::Mul(set(over_b * b), odd_b));
      second = first;
    }
  }
};

// All numbers that Matrix makes of in(0), in(1), ...
template <class Matrix, int pair = 0, class Element>
HWY_INLINE void apply_all(const Element& in, V* out) {
  if constexpr (pair < static_cast<int>(std::size(Matrix::rows))) {
    constexpr int one = Matrix::rows[pair][0], other = Matrix::rows[pair][1];
    V first, second;
    Matrix::template apply<pair>(in, first, second);
    out[one] = first;
    if constexpr (other >= 0) out[other] = second;
    apply_all<Matrix, pair + 1>(in, out);
  }
}

// Matrix along the columns of a tile of vectors element(i, j), then along its rows: for each row i of
// the result, store(i, row). Two rows at a time, which registers can hold, where a whole tile would
// go by way of memory.
template <class Matrix, int pair = 0, class Element, class Store>
HWY_INLINE void transform(const Element& element, const Store& store) {
  if constexpr (pair < static_cast<int>(std::size(Matrix::rows))) {
    V first[Matrix::in], second[Matrix::in], out[Matrix::out];
#pragma GCC unroll 6
    for (int j = 0; j < Matrix::in; ++j) {
      Matrix::template apply<pair>([&](int i) HWY_ATTR { return element(i, j); }, first[j],
                                   second[j]);
    }
    apply_all<Matrix>([&](int j) HWY_ATTR { return first[j]; }, out);
    store(Matrix::rows[pair][0], out);
    if constexpr (Matrix::rows[pair][1] >= 0) {
      apply_all<Matrix>([&](int j) HWY_ATTR { return second[j]; }, out);
      store(Matrix::rows[pair][1], out);
    }
    transform<Matrix, pair + 1>(element, store);
  }
}

}  // namespace telescope::kernels::HWY_NAMESPACE::winograd
HWY_AFTER_NAMESPACE();
#endif
