// SPDX-License-Identifier: MIT
// The convolution by its definition, and a check of any variant of it on the test's device.
#pragma once

#include "kernels/conv2d/conv2d.h"
#include "support/compare.h"
#include "support/device.h"

namespace telescope::test {

using kernels::Conv2dShape;
using kernels::Conv2dVariant;

/// Calls f(index into y, index into x, index into weight) for every product of the definition.
template <class F>
void for_each_product(const Conv2dShape& s, const F& f) {
  std::int64_t y = 0;
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t i = 0; i < s.out_h(); ++i) {
      for (std::int64_t j = 0; j < s.out_w(); ++j) {
        for (std::int64_t k = 0; k < s.k; ++k, ++y) {
          for (std::int64_t r = 0; r < s.r; ++r) {
            for (std::int64_t q = 0; q < s.s; ++q) {
              const std::int64_t row = i * s.stride + r - s.padding;
              const std::int64_t column = j * s.stride + q - s.padding;
              if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
              const std::int64_t x = ((n * s.h + row) * s.w + column) * s.c;
              const std::int64_t weight = ((k * s.r + r) * s.s + q) * s.c;
              for (std::int64_t c = 0; c < s.c; ++c) f(y, x + c, weight + c);
            }
          }
        }
      }
    }
  }
}

struct Conv2dResults {
  Tensor y, dx, dweight, dbias;
};

/// On the host. Gradients of parameters start from something: they accumulate.
struct Conv2dInputs {
  Tensor x, weight, bias, dy, dweight, dbias;
};

/// Images are of type t, parameters wide(t).
inline Conv2dInputs conv2d_integers(const Conv2dShape& s, DType t) {
  return {random_integers(s.input_shape(), 4, t, 1),
          random_integers(s.weight_shape(), 4, wide(t), 2),
          random_integers({s.k}, 9, wide(t), 3),
          random_integers(s.output_shape(), 4, t, 4),
          random_integers(s.weight_shape(), 9, wide(t), 5),
          random_integers({s.k}, 9, wide(t), 6)};
}

inline Conv2dInputs conv2d_normals(const Conv2dShape& s, DType t) {
  return {random_tensor(s.input_shape(), t, 1),
          random_tensor(s.weight_shape(), wide(t), 2),
          random_tensor({s.k}, wide(t), 3),
          random_tensor(s.output_shape(), t, 4),
          random_tensor(s.weight_shape(), wide(t), 5),
          random_tensor({s.k}, wide(t), 6)};
}

/// In double, term by term.
inline Conv2dResults conv2d_reference(const Conv2dShape& s, const Conv2dInputs& in) {
  const auto exact = [](const Tensor& t) { return t.to(DType::f64); };
  const Tensor x = exact(in.x), weight = exact(in.weight), bias = exact(in.bias), dy = exact(in.dy);
  const Conv2dResults out{Tensor::zeros(s.output_shape(), DType::f64),
                          Tensor::zeros(s.input_shape(), DType::f64), exact(in.dweight).clone(),
                          exact(in.dbias).clone()};
  const double *px = x.data<double>(), *pw = weight.data<double>(), *pdy = dy.data<double>();
  double *y = out.y.data<double>(), *dx = out.dx.data<double>();
  double *dweight = out.dweight.data<double>(), *dbias = out.dbias.data<double>();
  for (std::int64_t i = 0; i < out.y.numel(); ++i) {
    y[i] = bias.data<double>()[i % s.k];
    dbias[i % s.k] += pdy[i];
  }
  for_each_product(s, [=](std::int64_t yi, std::int64_t xi, std::int64_t wi) {
    y[yi] += px[xi] * pw[wi];
    dx[xi] += pdy[yi] * pw[wi];
    dweight[wi] += pdy[yi] * px[xi];
  });
  return out;
}

/// On the test's device, by a variant.
template <class T>
Conv2dResults conv2d_computed(const Conv2dShape& s, const Conv2dInputs& in, Conv2dVariant variant) {
  const Tensor x = on_device(in.x), weight = on_device(in.weight), bias = on_device(in.bias);
  const Tensor dy = on_device(in.dy);
  const Conv2dResults out{empty_on_device(s.output_shape(), dtype_of<T>),
                          empty_on_device(s.input_shape(), dtype_of<T>),
                          on_device(in.dweight.clone()), on_device(in.dbias.clone())};
  const Stream stream = test_stream();
  kernels::conv2d_forward<T>(stream, s, x.data<T>(), weight.data<Wide<T>>(),
                             {.bias = bias.data<Wide<T>>()}, out.y.data<T>(), variant);
  kernels::conv2d_input_gradient<T>(stream, s, dy.data<T>(), weight.data<Wide<T>>(),
                                    /*accumulate=*/false, out.dx.data<T>(), variant);
  kernels::conv2d_weight_gradient<T>(stream, s, x.data<T>(), dy.data<T>(),
                                     out.dweight.data<Wide<T>>(), out.dbias.data<Wide<T>>(),
                                     variant);
  return out;
}

inline std::string description(const Conv2dShape& s, Conv2dVariant variant) {
  return std::string(kernels::name_of(variant)) + ": input " + s.input_shape().str() + ", weight " +
         s.weight_shape().str() + ", stride " + std::to_string(s.stride) + ", padding " +
         std::to_string(s.padding);
}

/// What is stored as bf16 has been rounded once.
inline void check_same_stored(const Tensor& got, const Tensor& expected) {
  CHECK_SAME(got, expected.to(got.dtype()));
}

/// Whole numbers, bit for bit.
template <class T>
void check_conv2d(const Conv2dShape& s, Conv2dVariant variant) {
  INFO(description(s, variant));
  REQUIRE(s.valid());
  const Conv2dInputs in = conv2d_integers(s, dtype_of<T>);
  const Conv2dResults got = conv2d_computed<T>(s, in, variant), expected = conv2d_reference(s, in);
  check_same_stored(got.y, expected.y);
  check_same_stored(got.dx, expected.dx);
  CHECK_SAME(got.dweight, expected.dweight);
  CHECK_SAME(got.dbias, expected.dbias);
}

}  // namespace telescope::test
