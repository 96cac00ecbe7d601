// SPDX-License-Identifier: MIT
#include "kernels/pointwise/pointwise.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/convert.h"
#include "support/compare.h"
#include "support/device.h"
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

TEST_CASE_TEMPLATE("unary functions and their derivatives", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const Case& c : cases) {
    for (const auto n : lengths) {
      INFO(kernels::name_of(c.function) << " of " << n);
      const Tensor x = random_tensor({n}, dtype_of<T>, 3), dy = random_tensor({n}, dtype_of<T>, 4);
      x.data<T>()[0] = T(0);  // the kink is part of the contract
      const Tensor x_there = on_device(x), dy_there = on_device(dy);
      const Tensor y = empty_on_device({n}, dtype_of<T>), dx = empty_on_device({n}, dtype_of<T>);
      const Tensor y_ref = Tensor::empty({n}, DType::f64), dx_ref = Tensor::empty({n}, DType::f64);
      const auto a = static_cast<Wide<T>>(c.a);
      kernels::unary(test_stream(), c.function, a, n, x_there.data<T>(), y.data<T>());
      kernels::unary_backward(test_stream(), c.function, a, n, x_there.data<T>(),
                              dy_there.data<T>(), dx.data<T>());
      for (std::int64_t i = 0; i < n; ++i) {
        const auto xi = convert_element<double>(x.data<T>()[i]);
        y_ref.data<double>()[i] = c.value(xi, a);
        dx_ref.data<double>()[i] = c.slope(xi, a) * convert_element<double>(dy.data<T>()[i]);
      }
      CHECK_CLOSE(y, y_ref, rounding(dtype_of<T>, 1));
      CHECK_CLOSE(dx, dx_ref, rounding(dtype_of<T>, 1));
    }
  }
}

TEST_CASE_TEMPLATE("binary functions", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  using kernels::Binary;
  for (const auto n : lengths) {
    const Tensor a = random_integers({n}, 9, dtype_of<T>, 5);
    const Tensor b = random_integers({n}, 9, dtype_of<T>, 6);
    const Tensor a_there = on_device(a), b_there = on_device(b);
    const Tensor y = empty_on_device({n}, dtype_of<T>), expected = Tensor::empty({n}, DType::f64);
    for (const Binary f : {Binary::add, Binary::sub, Binary::mul}) {
      INFO(kernels::name_of(f) << " of " << n);
      kernels::binary(test_stream(), f, n, a_there.data<T>(), b_there.data<T>(), y.data<T>());
      for (std::int64_t i = 0; i < n; ++i) {
        const auto u = convert_element<double>(a.data<T>()[i]);
        const auto v = convert_element<double>(b.data<T>()[i]);
        expected.data<double>()[i] = f == Binary::add ? u + v : f == Binary::sub ? u - v : u * v;
      }
      CHECK_SAME(y, expected);
    }
  }
}

TEST_CASE("NaN and infinity pass through") {
  const Tensor x = on_device(Tensor::from<float>({NAN, INFINITY, -INFINITY}, {3}));
  const auto apply = [&](Unary f, float a) {
    const Tensor y = empty_on_device({3});
    kernels::unary(test_stream(), f, a, 3, x.data<float>(), y.data<float>());
    return y.to_vector<float>();
  };
  const auto y = apply(Unary::relu, 0);
  CHECK(std::isnan(y[0]));
  CHECK(y[1] == INFINITY);
  CHECK(y[2] == 0.f);
  for (const Unary f : {Unary::silu, Unary::tanh, Unary::sigmoid, Unary::leaky_relu}) {
    INFO(kernels::name_of(f));
    CHECK(std::isnan(apply(f, 0.2f)[0]));
  }
}

TEST_CASE("silu and sigmoid far from zero") {
  std::vector<float> far;
  while (far.size() < 35) far.insert(far.end(), {20, -20, 88, -90, 1e4F, -1e4F, NAN});
  const Tensor x = on_device(Tensor::from(far, {35}));
  const auto apply = [&](Unary f) {
    const Tensor y = empty_on_device({35});
    kernels::unary(test_stream(), f, 0.F, 35, x.data<float>(), y.data<float>());
    return y.to_vector<float>();
  };
  const auto sigmoid = apply(Unary::sigmoid), silu = apply(Unary::silu);
  for (std::size_t i = 0; i < far.size(); ++i) {
    INFO(far[i]);
    if (std::isnan(far[i])) {
      CHECK(std::isnan(sigmoid[i]));
      CHECK(std::isnan(silu[i]));
    } else {
      CHECK(std::abs(sigmoid[i] - (far[i] > 0 ? 1.F : 0.F)) < 3e-9F);
      CHECK(std::abs(silu[i] - std::max(far[i], 0.F)) < 5e-8F);
    }
  }
}
