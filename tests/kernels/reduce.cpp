// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduce.h"

#include <cmath>

#include "core/parallel.h"
#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("sums of rows, exact on whole numbers", T, float, double) {
  for (const std::int64_t rows : {1, 2, 5}) {
    for (const auto n : lengths) {
      INFO(rows << " rows of " << n);
      const Tensor x = random_integers({rows, n}, 9, dtype_of<T>, 3);
      const Tensor y = Tensor::empty({rows}, dtype_of<T>),
                   expected = Tensor::empty({rows}, dtype_of<T>);
      kernels::sum_rows(Stream(), rows, n, -2, x.data<T>(), y.data<T>());
      for (std::int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i) sum += x.data<T>()[r * n + i];
        expected.data<T>()[r] = static_cast<T>(-2 * sum);
      }
      CHECK_SAME(y, expected);
    }
  }
}

TEST_CASE_TEMPLATE("an empty row sums to nothing", T, float, double) {
  T y = 7;
  kernels::sum_rows<T>(Stream(), 1, 0, 1, nullptr, &y);
  CHECK(y == 0);
  double d = 7;
  kernels::dot<T>(Stream(), 0, nullptr, nullptr, &d);
  CHECK(d == 0);
}

TEST_CASE_TEMPLATE("spread, dot and scale_by", T, float, double) {
  for (const auto n : lengths) {
    INFO(n);
    const std::int64_t rows = 3;
    const Tensor dy = random_integers({rows}, 9, dtype_of<T>, 3);
    const Tensor x = Tensor::empty({rows, n}, dtype_of<T>),
                 expected = Tensor::empty({rows, n}, dtype_of<T>);
    kernels::spread_rows(Stream(), rows, n, 0.5, dy.data<T>(), x.data<T>());
    for (std::int64_t i = 0; i < rows * n; ++i) expected.data<T>()[i] = dy.data<T>()[i / n] / 2;
    CHECK_SAME(x, expected);

    const Tensor a = random_integers({n}, 9, dtype_of<T>, 4),
                 b = random_integers({n}, 9, dtype_of<T>, 5);
    double got = 0, norm = 0, sum = 0, squares = 0;
    kernels::dot(Stream(), n, a.data<T>(), b.data<T>(), &got);
    kernels::squared_norm(Stream(), n, a.data<T>(), &norm);
    const T factor = -3;
    kernels::scale_by(Stream(), n, &factor, a.data<T>(), x.data<T>());
    for (std::int64_t i = 0; i < n; ++i) {
      const T u = a.data<T>()[i];
      sum += u * b.data<T>()[i];
      squares += u * u;
      CHECK(x.data<T>()[i] == -3 * u);
    }
    CHECK(got == sum);
    CHECK(norm == squares);
  }
}

TEST_CASE("a million floats that are almost the same lose nothing") {
  const std::int64_t n = 1 << 20;
  const Tensor x = Tensor::full({n}, 0.1);
  float y = 0;
  kernels::sum_rows(Stream(), 1, n, 1.0, x.data<float>(), &y);
  CHECK(std::abs(y - static_cast<double>(0.1f) * n) < 1e-7 * n * 0.1);
}

TEST_CASE("sums are the same bits on one thread and on several") {
  const std::int64_t rows = 3, n = 100001;
  const Tensor x = random_tensor({rows, n}, DType::f64, 3);
  const Tensor y = Tensor::empty({rows}, DType::f64);
  std::vector<double> first;
  double dot = 0;
  for (const int threads : {1, 2, 3, 7}) {
    set_thread_count(threads);
    kernels::sum_rows(Stream(), rows, n, 1.0, x.data<double>(), y.data<double>());
    double d = 0;
    kernels::squared_norm(Stream(), rows * n, x.data<double>(), &d);
    if (first.empty()) {
      first = y.to_vector<double>();
      dot = d;
    }
    CHECK(y.to_vector<double>() == first);
    CHECK(d == dot);
  }
  set_thread_count(1);
}
