// SPDX-License-Identifier: MIT
#include "kernels/layer_norm/layer_norm.h"

#include <cmath>
#include <cstring>

#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

namespace {
struct Result {
  Tensor y, dx;
};

template <class T>
Result run(const Tensor& x, const Tensor& dy, double eps, double slope = 1) {
  const std::int64_t n = x.extent(0), m = x.extent(1);
  const Tensor y = empty_on_device(x.shape(), x.dtype()),
               dx = empty_on_device(x.shape(), x.dtype());
  const Tensor rstd = empty_on_device({n}, wide(x.dtype()));
  kernels::layer_norm(test_stream(), n, m, eps, slope, on_device(x).data<T>(), y.data<T>(),
                      rstd.data<Wide<T>>());
  kernels::layer_norm_backward(test_stream(), n, m, slope, y.data<T>(), rstd.data<Wide<T>>(),
                               on_device(dy).data<T>(), dx.data<T>());
  return {y, dx};
}

Result reference(const Tensor& x, const Tensor& dy, double eps, double slope = 1) {
  const std::int64_t n = x.extent(0), m = x.extent(1);
  const auto u = x.to(DType::f64).to_vector<double>();
  auto g = dy.to(DType::f64).to_vector<double>();
  const Tensor y = Tensor::empty(x.shape(), DType::f64), dx = Tensor::empty(x.shape(), DType::f64);
  for (std::int64_t s = 0; s < n; ++s) {
    const double* us = &u[static_cast<std::size_t>(s * m)];
    double* gs = &g[static_cast<std::size_t>(s * m)];
    long double mean = 0, variance = 0, mean_g = 0, mean_gy = 0;
    for (std::int64_t i = 0; i < m; ++i) mean += us[i] / static_cast<double>(m);
    for (std::int64_t i = 0; i < m; ++i) variance += (us[i] - mean) * (us[i] - mean);
    const auto rstd = static_cast<double>(1 / std::sqrt(variance / static_cast<double>(m) + eps));
    double *ys = y.data<double>() + s * m, *ds = dx.data<double>() + s * m;
    for (std::int64_t i = 0; i < m; ++i) {
      ys[i] = static_cast<double>(us[i] - mean) * rstd;
      if (ys[i] <= 0) gs[i] *= slope;
      mean_g += gs[i] / static_cast<double>(m);
      mean_gy += gs[i] * ys[i] / static_cast<double>(m);
    }
    for (std::int64_t i = 0; i < m; ++i) {
      ds[i] = static_cast<double>(rstd * (gs[i] - mean_g - ys[i] * mean_gy));
      if (ys[i] <= 0) ys[i] *= slope;
    }
  }
  return {y, dx};
}
}  // namespace

TEST_CASE_TEMPLATE("layer norm against a plain loop", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const std::int64_t n : {1, 2, 5}) {
    for (const auto m : lengths) {
      if (m == 1) continue;  // below
      INFO(n << " samples of " << m);
      const Tensor x = random_tensor({n, m}, dtype_of<T>, 1);
      const Tensor dy = random_tensor({n, m}, dtype_of<T>, 2);
      for (const double slope : {1.0, 0.2, 3.0}) {
        INFO("slope " << slope);
        const auto [y, dx] = run<T>(x, dy, 1e-5, slope);
        const auto [y_ref, dx_ref] = reference(x, dy, 1e-5, slope);
        CHECK_CLOSE(y, y_ref, rounding(dtype_of<T>, 4));
        // Of two elements the gradient is what rounding leaves: x' is -1 and 1 whatever x.
        if (m > 2) CHECK_NORM_CLOSE(dx, dx_ref, norm_rounding(dtype_of<T>, 16, 2));  // y, dx
      }
    }
  }
}

// Sizes at which a device goes from registers to pieces, in rows that vectors fit and that they do not.
TEST_CASE_TEMPLATE("samples as long as a block, and longer", T, float, bfloat16) {
  if (!runs_here<T>()) return;
  for (const std::int64_t m : {4096, 4097, 4100, 16384, 16385, 32768, 32769, 33000}) {
    INFO("2 samples of " << m);
    const Tensor x = random_tensor({2, m}, dtype_of<T>), dy = random_tensor({2, m}, dtype_of<T>, 2);
    x.data<T>()[0] = T(300);  // far from all others
    const auto [y, dx] = run<T>(x, dy, 1e-5, 0.2);
    const auto [y_ref, dx_ref] = reference(x, dy, 1e-5, 0.2);
    CHECK_CLOSE(y, y_ref, rounding(dtype_of<T>, 4));
    CHECK_NORM_CLOSE(dx, dx_ref, norm_rounding(dtype_of<T>, 16, 2));
  }
}

TEST_CASE("a sample without variance gives zeros") {
  const Tensor x = Tensor::full({3, 1}, 7), dy = random_tensor({3, 1});
  const auto [y, dx] = run<float>(x, dy, 1e-5);
  CHECK_SAME(y, Tensor::zeros({3, 1}));
  CHECK_SAME(dx, Tensor::zeros({3, 1}));
}

TEST_CASE("a mean of 1e4 does not spoil a deviation of 1") {
  const Tensor x = random_tensor({2, 40001}), dy = random_tensor({2, 40001}, DType::f32, 2);
  for (std::int64_t i = 0; i < x.numel(); ++i) x.data<float>()[i] += 1e4f;
  const auto [y, dx] = run<float>(x, dy, 1e-5);
  const auto [y_ref, dx_ref] = reference(x, dy, 1e-5);
  CHECK_CLOSE(y, y_ref, (Tolerance{2e-6, 2e-6}));
  CHECK_CLOSE(dx, dx_ref, (Tolerance{2e-6, 2e-6}));
}

TEST_CASE("the same bits on any number of threads") {
  const int threads = thread_count();
  for (const Shape shape : {Shape{1, 100003}, Shape{7, 3001}, Shape{3, 50000}}) {
    const Tensor x = random_tensor(shape), dy = random_tensor(shape, DType::f32, 2);
    set_thread_count(1);
    const Result one = run<float>(x, dy, 1e-5);
    for (const int more : {2, 3, 5}) {
      set_thread_count(more);
      const Result many = run<float>(x, dy, 1e-5);
      CHECK_SAME(many.y, one.y);
      CHECK_SAME(many.dx, one.dx);
    }
  }
  set_thread_count(threads);
}

TEST_CASE("in place, and NaN stays in its sample") {
  for (const std::int64_t m : {100, 5000, 40001}) {
    INFO(m);
    const Tensor x = random_tensor({2, m}), dy = random_tensor({2, m}, DType::f32, 2);
    const auto [y, dx] = run<float>(x, dy, 1e-5, 0.2);
    const Tensor u = on_device(x), g = on_device(dy), rstd = empty_on_device({2});
    const auto norm_in_place = [&](const Tensor& z) {
      kernels::layer_norm(test_stream(), 2, m, 1e-5, 0.2, z.data<float>(), z.data<float>(),
                          rstd.data<float>());
    };
    norm_in_place(u);
    CHECK_SAME(u, y);
    kernels::layer_norm_backward(test_stream(), 2, m, 0.2, u.data<float>(), rstd.data<float>(),
                                 g.data<float>(), g.data<float>());
    CHECK_SAME(g, dx);
    x.data<float>()[17] = NAN;
    const Tensor with_nan = on_device(x);
    norm_in_place(with_nan);
    const auto v = with_nan.to_vector<float>();
    CHECK(std::isnan(v[static_cast<std::size_t>(m) - 1]));
    CHECK(std::isfinite(v[static_cast<std::size_t>(m)]));
  }
}
