// SPDX-License-Identifier: MIT
#include "kernels/pointwise/pointwise.h"

#include <cmath>

#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Unary;

namespace {
struct Case {
  Unary function;
  double a;
  double (*value)(double x, double a);
  double (*slope)(double x, double a);
};
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }
const Case cases[] = {
    {Unary::silu, 0, [](double x, double) { return x * sigmoid(x); },
     [](double x, double) { return sigmoid(x) * (1 + x * (1 - sigmoid(x))); }},
    {Unary::relu, 0, [](double x, double) { return x > 0 ? x : 0; },
     [](double x, double) { return x > 0 ? 1.0 : 0.0; }},
    {Unary::leaky_relu, 0.2, [](double x, double a) { return x > 0 ? x : a * x; },
     [](double x, double a) { return x > 0 ? 1.0 : a; }},
    {Unary::tanh, 0, [](double x, double) { return std::tanh(x); },
     [](double x, double) { return 1 - std::tanh(x) * std::tanh(x); }},
    {Unary::sigmoid, 0, [](double x, double) { return sigmoid(x); },
     [](double x, double) { return sigmoid(x) * (1 - sigmoid(x)); }},
    {Unary::scale, -1.7, [](double x, double a) { return a * x; },
     [](double, double a) { return a; }},
};
}  // namespace

TEST_CASE_TEMPLATE("unary functions and their derivatives", T, float, double) {
  for (const Case& c : cases) {
    for (const auto n : lengths) {
      INFO(kernels::name_of(c.function) << " of " << n);
      const Tensor x = random_tensor({n}, dtype_of<T>, 3), dy = random_tensor({n}, dtype_of<T>, 4);
      x.data<T>()[0] = 0;  // the kink is part of the contract
      const Tensor y = Tensor::empty({n}, dtype_of<T>), dx = Tensor::empty({n}, dtype_of<T>);
      const Tensor y_ref = Tensor::empty({n}, DType::f64), dx_ref = Tensor::empty({n}, DType::f64);
      const T a = static_cast<T>(c.a);
      kernels::unary(Stream(), c.function, a, n, x.data<T>(), y.data<T>());
      kernels::unary_backward(Stream(), c.function, a, n, x.data<T>(), dy.data<T>(), dx.data<T>());
      for (std::int64_t i = 0; i < n; ++i) {
        const double xi = x.data<T>()[i];
        y_ref.data<double>()[i] = c.value(xi, a);
        dx_ref.data<double>()[i] = c.slope(xi, a) * dy.data<T>()[i];
      }
      CHECK_CLOSE(y, y_ref, rounding(dtype_of<T>, 1));
      CHECK_CLOSE(dx, dx_ref, rounding(dtype_of<T>, 1));
    }
  }
}

TEST_CASE_TEMPLATE("binary functions", T, float, double) {
  using kernels::Binary;
  for (const auto n : lengths) {
    const Tensor a = random_integers({n}, 9, dtype_of<T>, 5);
    const Tensor b = random_integers({n}, 9, dtype_of<T>, 6);
    const Tensor y = Tensor::empty({n}, dtype_of<T>), expected = Tensor::empty({n}, dtype_of<T>);
    for (const Binary f : {Binary::add, Binary::sub, Binary::mul}) {
      INFO(kernels::name_of(f) << " of " << n);
      kernels::binary(Stream(), f, n, a.data<T>(), b.data<T>(), y.data<T>());
      for (std::int64_t i = 0; i < n; ++i) {
        const T u = a.data<T>()[i], v = b.data<T>()[i];
        expected.data<T>()[i] = f == Binary::add ? u + v : f == Binary::sub ? u - v : u * v;
      }
      CHECK_SAME(y, expected);
    }
  }
}

TEST_CASE("NaN and infinity pass through") {
  const Tensor x = Tensor::from<float>({NAN, INFINITY, -INFINITY}, {3});
  const Tensor y = Tensor::empty({3});
  kernels::unary(Stream(), Unary::relu, 0.f, 3, x.data<float>(), y.data<float>());
  CHECK(std::isnan(y.data<float>()[0]));
  CHECK(y.data<float>()[1] == INFINITY);
  CHECK(y.data<float>()[2] == 0.f);
  for (const Unary f : {Unary::silu, Unary::tanh, Unary::sigmoid, Unary::leaky_relu}) {
    INFO(kernels::name_of(f));
    kernels::unary(Stream(), f, 0.2f, 3, x.data<float>(), y.data<float>());
    CHECK(std::isnan(y.data<float>()[0]));
  }
}
