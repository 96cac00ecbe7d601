// SPDX-License-Identifier: MIT
#include "layers/initializer.h"

#include <cmath>

#include "layers/linear.h"
#include "layers/modules.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

const RandomKey key(3, "test");

double mean_of(const Tensor& x, const std::function<double(double)>& f) {
  double sum = 0;
  for (const float v : x.to_vector<float>()) sum += f(v);
  return sum / static_cast<double>(x.numel());
}

Tensor transposed(const Tensor& a) {
  const Tensor b = Tensor::empty({a.extent(1), a.extent(0)}, a.dtype());
  for (std::int64_t i = 0; i < a.numel(); ++i) {
    b.data<double>()[i % a.extent(1) * a.extent(0) + i / a.extent(1)] = a.data<double>()[i];
  }
  return b;
}

// The smaller of its two products with its transpose.
Tensor gram(const Tensor& drawn) {
  const Tensor rows =
      drawn.reshape({drawn.extent(0), drawn.numel() / drawn.extent(0)}).to(DType::f64);
  const Tensor columns = transposed(rows);
  return rows.extent(0) <= rows.extent(1) ? matmul(rows, columns) : matmul(columns, rows);
}

}  // namespace

TEST_CASE("moments of what is drawn, within five standard errors") {
  const auto n = std::sqrt(40000.0);
  const Tensor uniform = Initializer::uniform(2).draw({200, 200}, key);
  CHECK(std::abs(mean_of(uniform, [](double v) { return v; })) < 5 * 2 / std::sqrt(3) / n);
  CHECK(std::abs(mean_of(uniform, [](double v) { return v * v; }) - 4.0 / 3) < 5 * 1.2 / n);
  CHECK(mean_of(uniform, [](double v) { return std::abs(v) > 2; }) == 0);
  const Tensor normal = Initializer::normal(0.5).draw({200, 200}, key);
  CHECK(std::abs(mean_of(normal, [](double v) { return v; })) < 5 * 0.5 / n);
  CHECK(std::abs(mean_of(normal, [](double v) { return v * v; }) - 0.25) < 5 * 0.36 / n);
  CHECK_SAME(Initializer::constant(0.25).draw({3}, key), Tensor::full({3}, 0.25));
}

TEST_CASE("orthogonal weights, wide, square and tall") {
  for (const Shape& shape : {Shape{8, 5, 5, 3}, Shape{12, 12}, Shape{32, 1, 3, 2}, Shape{5}}) {
    INFO(shape.str());
    const Tensor product = gram(Initializer::orthogonal(1.5).draw(shape, key));
    const Tensor expected = Tensor::zeros(product.shape(), DType::f64);
    for (std::int64_t i = 0; i < expected.extent(0); ++i) {
      expected.data<double>()[i * (expected.extent(0) + 1)] = 1.5 * 1.5;
    }
    CHECK_CLOSE(product, expected, (Tolerance{1e-6, 1e-6}));
  }
  // No entry is favoured, not even in the first rows.
  double sum = 0, sum_of_squares = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const Tensor q = Initializer::orthogonal(1).draw({4, 4}, RandomKey(seed, "test"));
    sum += q.data<float>()[0];
    sum_of_squares += q.data<float>()[0] * q.data<float>()[0];
  }
  CHECK(std::abs(sum / 400) < 5 * 0.5 / 20);
  CHECK(std::abs(sum_of_squares / 400 - 0.25) < 5 * 0.25 / 20);
}

TEST_CASE("what is drawn depends on the key") {
  for (const auto& start :
       {Initializer::uniform(1), Initializer::normal(1), Initializer::orthogonal(1)}) {
    const Tensor a = start.draw({6, 6}, key), b = start.draw({6, 6}, RandomKey(4, "test"));
    CHECK_SAME(a, start.draw({6, 6}, key));
    CHECK_FALSE(difference(a, b, {0, 0.01}).empty());
  }
}

TEST_CASE("a convolution starts as it is told") {
  const auto most = [](const Tensor& x) {
    double largest = 0;
    for (const float v : x.to_vector<float>()) largest = std::max<double>(largest, std::abs(v));
    return largest;
  };
  Conv2d zero({}, 4, 8, 3, {.gain = 0});
  CHECK(most(zero.weight) == 0);
  CHECK(most(zero.bias) == 0);
  Conv2d tiny({}, 4, 8, 3, {.initial_weight = Initializer::normal(1e-3)});
  CHECK(most(tiny.weight) < 6e-3);
  CHECK(most(tiny.bias) > 6e-3);
  CHECK(most(tiny.bias) <= 1 / std::sqrt(36.0));
}
