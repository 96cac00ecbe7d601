// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d.h"

#include "core/parallel.h"
#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Conv2dAlgorithm;
using kernels::Conv2dShape;

namespace {

// Calls f(index into y, index into x, index into weight) for every product of the definition.
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

struct Results {
  Tensor y, dx, dweight, dbias;
};

template <class T>
struct Inputs {
  Tensor x, weight, bias, dy;
  // Gradients of parameters start from something: they accumulate.
  Tensor dweight, dbias;
};

template <class T>
Inputs<T> inputs_for(const Conv2dShape& s) {
  const DType t = dtype_of<T>;
  return {random_integers(s.input_shape(), 4, t, 1),
          random_integers(s.weight_shape(), 4, t, 2),
          random_integers({s.k}, 9, t, 3),
          random_integers(s.output_shape(), 4, t, 4),
          random_integers(s.weight_shape(), 9, t, 5),
          random_integers({s.k}, 9, t, 6)};
}

template <class T>
Results reference(const Conv2dShape& s, const Inputs<T>& in) {
  const Results out{Tensor::zeros(s.output_shape(), DType::f64),
                    Tensor::zeros(s.input_shape(), DType::f64), in.dweight.to(DType::f64).clone(),
                    in.dbias.to(DType::f64).clone()};
  const T *x = in.x.template data<T>(), *weight = in.weight.template data<T>();
  const T *bias = in.bias.template data<T>(), *dy = in.dy.template data<T>();
  double *y = out.y.data<double>(), *dx = out.dx.data<double>();
  double *dweight = out.dweight.data<double>(), *dbias = out.dbias.data<double>();
  for (std::int64_t i = 0; i < out.y.numel(); ++i) {
    y[i] = bias[i % s.k];
    dbias[i % s.k] += dy[i];
  }
  for_each_product(s, [=](std::int64_t yi, std::int64_t xi, std::int64_t wi) {
    y[yi] += double{x[xi]} * double{weight[wi]};
    dx[xi] += double{dy[yi]} * double{weight[wi]};
    dweight[wi] += double{dy[yi]} * double{x[xi]};
  });
  return out;
}

template <class T>
Results compute(const Conv2dShape& s, const Inputs<T>& in,
                Conv2dAlgorithm algorithm = Conv2dAlgorithm::direct) {
  const DType t = dtype_of<T>;
  const Results out{Tensor::empty(s.output_shape(), t), Tensor::empty(s.input_shape(), t),
                    in.dweight.clone(), in.dbias.clone()};
  kernels::conv2d_forward<T>(Stream(), s, in.x.template data<T>(), in.weight.template data<T>(),
                             in.bias.template data<T>(), out.y.data<T>(), algorithm);
  kernels::conv2d_input_gradient<T>(Stream(), s, in.dy.template data<T>(),
                                    in.weight.template data<T>(), out.dx.data<T>(), algorithm);
  kernels::conv2d_weight_gradient<T>(Stream(), s, in.x.template data<T>(), in.dy.template data<T>(),
                                     out.dweight.data<T>(), out.dbias.data<T>(), algorithm);
  return out;
}

template <class T>
void check(const Conv2dShape& s) {
  INFO("input " << s.input_shape().str() << ", weight " << s.weight_shape().str() << ", stride "
                << s.stride << ", padding " << s.padding);
  REQUIRE(s.valid());
  const Inputs<T> in = inputs_for<T>(s);
  const Results got = compute(s, in), expected = reference(s, in);
  CHECK_SAME(got.y, expected.y);
  CHECK_SAME(got.dx, expected.dx);
  CHECK_SAME(got.dweight, expected.dweight);
  CHECK_SAME(got.dbias, expected.dbias);
}

}  // namespace

TEST_CASE_TEMPLATE("conv2d on images of all sizes", T, float, double) {
  for (const auto [n, h, w] : images) {
    for (const std::int64_t size : {1, 3, 5}) {
      for (const std::int64_t stride : {1, 2}) {
        Conv2dShape s{.n = n, .h = h, .w = w, .c = 5, .k = 7, .r = size, .s = size};
        s.stride = stride;
        s.padding = size / 2;
        check<T>(s);
      }
    }
  }
}

TEST_CASE_TEMPLATE("conv2d on all numbers of channels", T, float, double) {
  for (const auto c : channels) {
    for (const auto k : channels) {
      check<T>({.n = 1, .h = 3, .w = 4, .c = c, .k = k, .r = 3, .s = 3, .padding = 1});
    }
  }
}

TEST_CASE_TEMPLATE("conv2d with unusual strides, paddings and kernels", T, float, double) {
  for (const std::int64_t stride : {1, 2, 3, 4}) {
    for (const std::int64_t padding : {0, 1, 2, 4}) {
      check<T>({2, 9, 7, 3, 4, 3, 3, stride, padding});
      check<T>({1, 5, 9, 4, 3, 1, 1, stride, padding});  // more padding and stride than kernel
      check<T>({1, 6, 5, 2, 3, 2, 4, stride, padding});  // neither odd nor square
      check<T>({1, 8, 8, 2, 2, 8, 1, stride, padding});
    }
  }
  check<T>({2, 1, 1, 3, 4, 3, 3, 1, 1});
}

TEST_CASE("conv2d in several blocks and chunks") {
  check<float>({1, 41, 67, 3, 5, 3, 3, 1, 1});   // several blocks of rows
  check<float>({40, 8, 8, 4, 3, 3, 3, 1, 1});    // several blocks of images
  check<float>({70, 1, 1, 9, 5, 1, 1, 1, 0});    // several images in a tile
  check<float>({1, 3, 1500, 2, 2, 3, 3, 2, 1});  // a row longer than a block
}

// Where Winograd's form is chosen. Its constants are no whole numbers, so it cannot be exact.
TEST_CASE("the fastest conv2d is close to the exact one") {
  const Conv2dShape shapes[] = {
      {2, 16, 16, 16, 16, 3, 3, 1, 1},  // whole tiles
      {5, 13, 15, 17, 33, 3, 3, 1, 1},  // tiles and vectors that are not full
      {3, 18, 26, 32, 19, 3, 3, 1, 0},  // no padding
      {1, 25, 22, 48, 16, 3, 3, 1, 2},  // more padding than half the kernel
      {33, 4, 4, 16, 64, 3, 3, 1, 1},   // one tile an image
      {1, 4, 300, 20, 40, 3, 3, 1, 1},  // several batches of tiles in a row
      {1, 64, 40, 100, 17, 3, 3, 1, 1},
  };
  for (const Conv2dShape& s : shapes) {
    INFO("input " << s.input_shape().str() << ", weight " << s.weight_shape().str() << ", padding "
                  << s.padding);
    Inputs<float> in = inputs_for<float>(s);
    in.x = random_tensor(s.input_shape(), DType::f32, 1);
    in.weight = random_tensor(s.weight_shape(), DType::f32, 2);
    in.dy = random_tensor(s.output_shape(), DType::f32, 3);
    const Results got = compute(s, in, Conv2dAlgorithm::fastest);
    const Inputs<double> exact{in.x.to(DType::f64),       in.weight.to(DType::f64),
                               in.bias.to(DType::f64),    in.dy.to(DType::f64),
                               in.dweight.to(DType::f64), in.dbias.to(DType::f64)};
    const Results expected = compute(s, exact);
    CHECK_NORM_CLOSE(got.y, expected.y, 2e-6);
    CHECK_NORM_CLOSE(got.dx, expected.dx, 2e-6);
    CHECK_NORM_CLOSE(got.dweight, expected.dweight, 2e-6);
    CHECK_NORM_CLOSE(got.dbias, expected.dbias, 2e-6);
  }
}

TEST_CASE("conv2d of an empty batch") {
  const Conv2dShape s{.n = 0, .h = 4, .w = 4, .c = 2, .k = 3, .r = 3, .s = 3, .padding = 1};
  const Inputs<float> in = inputs_for<float>(s);
  const Results got = compute(s, in);
  CHECK_SAME(got.dweight, in.dweight);
  CHECK_SAME(got.dbias, in.dbias);
}

TEST_CASE("either gradient of the parameters can be had alone") {
  const Conv2dShape s{.n = 2, .h = 5, .w = 4, .c = 2, .k = 3, .r = 3, .s = 3, .padding = 1};
  const Inputs<float> in = inputs_for<float>(s);
  const Results expected = reference(s, in);
  kernels::conv2d_weight_gradient<float>(Stream(), s, in.x.data<float>(), in.dy.data<float>(),
                                         in.dweight.data<float>(), nullptr);
  kernels::conv2d_weight_gradient<float>(Stream(), s, in.x.data<float>(), in.dy.data<float>(),
                                         nullptr, in.dbias.data<float>());
  CHECK_SAME(in.dweight, expected.dweight);
  CHECK_SAME(in.dbias, expected.dbias);
}

TEST_CASE("conv2d has the same bits on any number of threads") {
  const Conv2dShape s{.n = 3, .h = 33, .w = 31, .c = 16, .k = 20, .r = 3, .s = 3, .padding = 1};
  Inputs<float> in = inputs_for<float>(s);
  in.x = random_tensor(s.input_shape());
  in.dy = random_tensor(s.output_shape());
  const int threads = thread_count();
  for (const auto algorithm : {Conv2dAlgorithm::direct, Conv2dAlgorithm::fastest}) {
    Results first;
    for (const int t : {1, 2, 3, 7}) {
      set_thread_count(t);
      const Results out = compute(s, in, algorithm);
      if (!first.y.defined()) first = out;
      CHECK_SAME(out.y, first.y);
      CHECK_SAME(out.dx, first.dx);
      CHECK_SAME(out.dweight, first.dweight);
      CHECK_SAME(out.dbias, first.dbias);
    }
  }
  set_thread_count(threads);
}
