// SPDX-License-Identifier: MIT
// The algebra of the transfer operators: adjoint pairs, and what they keep exactly.
#include "layers/transfer.h"

#include <cmath>

#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

namespace {

const Restriction restrictions[] = {Restriction::injection, Restriction::mean,
                                    Restriction::full_weighting, Restriction::bilinear,
                                    Restriction::bilinear_aligned};

double dot(const Tensor& a, const Tensor& b) {
  REQUIRE(a.shape() == b.shape());
  double sum = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) sum += a.data<double>()[i] * b.data<double>()[i];
  return sum;
}

// <R x, y> = c <x, P y>, to rounding.
void check_pair(Restriction r, Prolongation p, double c, const Shape& fine) {
  INFO(name_of(r) << " and " << name_of(p) << " on " << fine.str());
  const Tensor x = random_tensor(fine, DType::f64, 1);
  const Tensor rx = restrict(x, r), y = random_tensor(rx.shape(), DType::f64, 2);
  const double left = dot(rx, y), right = c * dot(x, prolong(y, p, fine[1], fine[2]));
  CHECK(std::abs(left) > 1e-3);
  CHECK(std::abs(left - right) <= 1e-12 * std::sqrt(dot(rx, rx) * dot(y, y)));
}

const std::vector<Shape> shapes = {{1, 2, 2, 1},  {2, 4, 6, 3},   {1, 8, 8, 5},   {1, 3, 2, 1},
                                   {1, 7, 3, 17}, {1, 13, 17, 3}, {2, 16, 15, 5}, {1, 5, 64, 100}};

// a + b i + c j at pixel (i, j), in units of `width` with the first point at `first`.
Tensor linear(std::int64_t h, std::int64_t w, double width, double first) {
  const Tensor x = Tensor::empty({1, h, w, 2}, DType::f64);
  for (std::int64_t i = 0; i < h; ++i)
    for (std::int64_t j = 0; j < w; ++j)
      for (std::int64_t k = 0; k < 2; ++k) {
        x.data<double>()[(i * w + j) * 2 + k] =
            3 + (first + width * i) * (k + 1) - 2 * (first + width * j);
      }
  return x;
}

// The largest difference over the pixels [from, h - to) x [from, w - to).
double inner_difference(const Tensor& a, const Tensor& b, std::int64_t from, std::int64_t to) {
  REQUIRE(a.shape() == b.shape());
  double worst = 0;
  std::int64_t compared = 0;
  for (std::int64_t i = from; i < a.extent(1) - to; ++i)
    for (std::int64_t j = from; j < a.extent(2) - to; ++j)
      for (std::int64_t k = 0; k < a.extent(3); ++k, ++compared) {
        const std::int64_t at = (i * a.extent(2) + j) * a.extent(3) + k;
        worst = std::max(worst, std::abs(a.data<double>()[at] - b.data<double>()[at]));
      }
  REQUIRE(compared > 0);
  return worst;
}

}  // namespace

TEST_CASE("every restriction and its adjoint: <R x, y> = <x, P y>") {
  for (const Restriction r : restrictions)
    for (const Shape& shape : shapes) check_pair(r, adjoint_of(r), 1, shape);
}

TEST_CASE("the mean and the nearest pixel: <R x, y> = <x, P y> / 4 on even extents") {
  for (const Shape& shape : shapes) {
    if (shape[1] % 2 || shape[2] % 2) continue;
    check_pair(Restriction::mean, Prolongation::nearest, 0.25, shape);
    check_pair(Restriction::bilinear, Prolongation::nearest, 0.25, shape);
  }
}

TEST_CASE("4 times the adjoint of full weighting is multigrid's bilinear prolongation inside") {
  const Tensor y = random_tensor({1, 6, 7, 1}, DType::f64);
  const Tensor x = prolong(y, Prolongation::full_weighting_adjoint, 12, 14);
  const auto coarse = [&](std::int64_t i, std::int64_t j) { return y.data<double>()[i * 7 + j]; };
  for (std::int64_t i = 1; i < 5; ++i)
    for (std::int64_t j = 1; j < 6; ++j) {
      const auto fine = [&](std::int64_t di, std::int64_t dj) {
        return 4 * x.data<double>()[(2 * i + di) * 14 + 2 * j + dj];
      };
      CHECK(fine(0, 0) == doctest::Approx(coarse(i, j)));
      CHECK(fine(1, 0) == doctest::Approx((coarse(i, j) + coarse(i + 1, j)) / 2));
      CHECK(fine(0, 1) == doctest::Approx((coarse(i, j) + coarse(i, j + 1)) / 2));
      CHECK(fine(1, 1) ==
            doctest::Approx(
                (coarse(i, j) + coarse(i + 1, j) + coarse(i, j + 1) + coarse(i + 1, j + 1)) / 4));
    }
}

TEST_CASE("constants stay") {
  for (const Shape& shape : shapes) {
    const Tensor fine = Tensor::full(shape, 3, DType::f64);
    const Tensor coarse =
        Tensor::full({shape[0], shape[1] / 2, shape[2] / 2, shape[3]}, 3, DType::f64);
    for (const Restriction r : restrictions) {
      INFO(name_of(r) << " of " << shape.str());
      CHECK_CLOSE(restrict(fine, r), coarse, rounding(DType::f64, 1));
    }
    for (const auto p :
         {Prolongation::nearest, Prolongation::bilinear, Prolongation::bilinear_aligned}) {
      INFO(name_of(p) << " to " << shape.str());
      CHECK_CLOSE(prolong(coarse, p, shape[1], shape[2]), fine, rounding(DType::f64, 1));
    }
  }
}

TEST_CASE("linear functions stay") {
  for (const std::int64_t w : {14, 15}) {
    const Tensor fine = linear(12, w, 1, 0);
    const auto restricted = [&](Restriction r) { return restrict(fine, r); };
    // At the even points; at the middles of four pixels; at the even points but the first.
    CHECK_SAME(restricted(Restriction::injection), linear(6, 7, 2, 0));
    CHECK(inner_difference(restricted(Restriction::mean), linear(6, 7, 2, 0.5), 0, 0) < 1e-13);
    CHECK(inner_difference(restricted(Restriction::full_weighting), linear(6, 7, 2, 0), 1, 0) <
          1e-13);
    // From the middles of coarse pixels, away from the border.
    const Tensor back = prolong(linear(6, 7, 2, 0.5), Prolongation::bilinear, 12, w);
    CHECK(inner_difference(back, fine, 1, w % 2 + 1) < 1e-13);
  }
  // Corner to corner, on extents whose coarse points are 11/5 and 13/6 apart.
  const Tensor coarse = restrict(linear(12, 14, 1, 0), Restriction::bilinear_aligned);
  const Tensor back = prolong(coarse, Prolongation::bilinear_aligned, 12, 14);
  CHECK(inner_difference(back, linear(12, 14, 1, 0), 0, 0) < 1e-13);
}

TEST_CASE("noise: injection keeps its deviation, the mean halves it") {
  const Tensor z = random_tensor({4, 64, 64, 3}, DType::f64, 9);
  const auto deviation = [](const Tensor& x) {
    return std::sqrt(dot(x, x) / static_cast<double>(x.numel()));
  };
  // 12288 samples: one standard error is 1 / sqrt(2 * 12288) = 0.64%; the bound is four of them.
  CHECK(deviation(restrict(z, Restriction::injection)) == doctest::Approx(1).epsilon(0.026));
  CHECK(deviation(restrict(z, Restriction::mean)) == doctest::Approx(0.5).epsilon(0.026));
}

TEST_CASE("a ladder of meshes down and up comes back to odd sizes") {
  const std::int64_t extents[] = {45, 22, 11, 5, 2, 1};
  Tensor x = random_tensor({2, 45, 45, 3});
  for (int l = 1; l < 6; ++l) {
    x = restrict(x, Restriction::injection);
    CHECK(x.shape() == Shape{2, extents[l], extents[l], 3});
  }
  for (int l = 4; l >= 0; --l) x = prolong(x, Prolongation::nearest, extents[l], extents[l]);
  CHECK(x.shape() == Shape{2, 45, 45, 3});
}
