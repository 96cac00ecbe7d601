// SPDX-License-Identifier: MIT
#include "kernels/reduce/reduce.h"

#include <cmath>

#include "core/convert.h"
#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

namespace {
// Also around the piece of a row that a block of a device takes.
const std::vector<std::int64_t> row_lengths = [] {
  auto all = lengths;
  for (const std::int64_t n : {4095, 4096, 4097}) all.push_back(n);
  return all;
}();
}  // namespace

TEST_CASE_TEMPLATE("sums of rows, exact on whole numbers", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const std::int64_t rows : {1, 2, 5}) {
    for (const auto n : row_lengths) {
      INFO(rows << " rows of " << n);
      const Tensor x = random_integers({rows, n}, 9, dtype_of<T>, 3);
      const Tensor y = empty_on_device({rows}, dtype_of<Wide<T>>),
                   expected = Tensor::empty({rows}, DType::f64);
      kernels::sum_rows(test_stream(), rows, n, -2, on_device(x).data<T>(), y.data<Wide<T>>());
      for (std::int64_t r = 0; r < rows; ++r) {
        double sum = 0;
        for (std::int64_t i = 0; i < n; ++i) sum += convert_element<double>(x.data<T>()[r * n + i]);
        expected.data<double>()[r] = -2 * sum;
      }
      CHECK_SAME(y, expected);
    }
  }
}

TEST_CASE_TEMPLATE("an empty row sums to nothing", T, float, double) {
  if (!runs_here<T>()) return;
  const Tensor y = on_device(Tensor::full({1}, 7, dtype_of<T>));
  kernels::sum_rows<T>(test_stream(), 1, 0, 1, nullptr, y.data<T>());
  CHECK(y.item() == 0);
  const Tensor d = on_device(Tensor::full({1}, 7, DType::f64));
  kernels::dot<T>(test_stream(), 0, nullptr, nullptr, d.data<double>());
  CHECK(d.item() == 0);
  kernels::sum_rows<T>(test_stream(), 0, 5, 1, nullptr, nullptr);
  kernels::spread_rows<T>(test_stream(), 3, 0, 1, nullptr, nullptr);
}

TEST_CASE_TEMPLATE("numbers spread over rows", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const auto n : row_lengths) {
    INFO(n);
    const std::int64_t rows = 3;
    const Tensor dy = random_integers({rows}, 9, dtype_of<Wide<T>>, 3);
    const Tensor x = empty_on_device({rows, n}, dtype_of<T>),
                 expected = Tensor::empty({rows, n}, dtype_of<Wide<T>>);
    kernels::spread_rows(test_stream(), rows, n, 0.5, on_device(dy).data<Wide<T>>(), x.data<T>());
    for (std::int64_t i = 0; i < rows * n; ++i) {
      expected.data<Wide<T>>()[i] = dy.data<Wide<T>>()[i / n] / 2;
    }
    CHECK_SAME(x, expected);
  }
}

TEST_CASE_TEMPLATE("dot and scale_by", T, float, double) {
  if (!runs_here<T>()) return;
  for (const auto n : row_lengths) {
    INFO(n);
    const Tensor a = random_integers({n}, 9, dtype_of<T>, 4),
                 b = random_integers({n}, 9, dtype_of<T>, 5);
    const Tensor a_there = on_device(a), b_there = on_device(b);
    const Tensor got = empty_on_device({}, DType::f64), norm = empty_on_device({}, DType::f64);
    const Tensor factor = on_device(Tensor::full({1}, -3, dtype_of<T>));
    const Tensor y = empty_on_device({n}, dtype_of<T>), y_ref = Tensor::empty({n}, dtype_of<T>);
    kernels::dot(test_stream(), n, a_there.data<T>(), b_there.data<T>(), got.data<double>());
    kernels::squared_norm(test_stream(), n, a_there.data<T>(), norm.data<double>());
    kernels::scale_by(test_stream(), n, factor.data<T>(), a_there.data<T>(), y.data<T>());
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < n; ++i) {
      const T u = a.data<T>()[i];
      sum += u * b.data<T>()[i];
      squares += u * u;
      y_ref.data<T>()[i] = -3 * u;
    }
    CHECK(got.item() == sum);
    CHECK(norm.item() == squares);
    CHECK_SAME(y, y_ref);
  }
}

TEST_CASE("arrays that do not begin where a vector may") {
  const std::int64_t n = 5000;
  const Tensor x = random_integers({n}, 9), x_there = on_device(x);
  const Tensor y = zeros_on_device({n}), dot = empty_on_device({}, DType::f64);
  const Tensor two = on_device(Tensor::full({1}, 2));
  kernels::dot(test_stream(), n - 3, x_there.data<float>() + 3, x_there.data<float>() + 1,
               dot.data<double>());
  kernels::scale_by(test_stream(), n - 2, two.data<float>(), x_there.data<float>() + 1,
                    y.data<float>() + 2);
  double sum = 0;
  const Tensor expected = Tensor::zeros({n});
  const float* u = x.data<float>();
  for (std::int64_t i = 0; i + 3 < n; ++i) sum += u[i + 3] * u[i + 1];
  for (std::int64_t i = 2; i < n; ++i) expected.data<float>()[i] = 2 * u[i - 1];
  CHECK(dot.item() == sum);
  CHECK_SAME(y, expected);
  kernels::spread_rows(test_stream(), 1, n - 1, 1, two.data<float>(), y.data<float>() + 1);
  for (std::int64_t i = 1; i < n; ++i) expected.data<float>()[i] = 2;
  CHECK_SAME(y, expected);
}

TEST_CASE("a million floats that are almost the same lose nothing") {
  const std::int64_t n = 1 << 20;
  const Tensor x = on_device(Tensor::full({n}, 0.1)), y = empty_on_device({1});
  kernels::sum_rows(test_stream(), 1, n, 1.0, x.data<float>(), y.data<float>());
  CHECK(std::abs(y.item() - static_cast<double>(0.1f) * n) < 1e-7 * n * 0.1);
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
