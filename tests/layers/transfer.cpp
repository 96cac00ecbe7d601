// SPDX-License-Identifier: MIT
#include "layers/transfer.h"

#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using In = const std::vector<Tensor>&;

TEST_CASE("gradients of restrictions and prolongations") {
  for (const ImageSize& image : {ImageSize{2, 4, 6}, ImageSize{1, 5, 7}}) {
    const Tensor fine = random_tensor({image.n, image.h, image.w, 3}, DType::f64, 1);
    const Tensor coarse = random_tensor({image.n, image.h / 2, image.w / 2, 3}, DType::f64, 2);
    for (int i = 0; i < 5; ++i) {
      const auto kind = static_cast<Restriction>(i);
      INFO(name_of(kind) << " of " << fine.shape().str());
      check_gradients([=](In in) { return restrict(in[0], kind); }, {fine});
    }
    for (int i = 0; i < 7; ++i) {
      const auto kind = static_cast<Prolongation>(i);
      INFO(name_of(kind) << " to " << fine.shape().str());
      check_gradients([=](In in) { return prolong(in[0], kind, image.h, image.w); }, {coarse});
    }
  }
}

TEST_CASE("transfers on the test's device") {
  std::int64_t c = 3;
  SUBCASE("element by element") {}
  SUBCASE("in vectors") { c = 8; }
  const Tensor fine = random_tensor({2, 9, 13, c}), coarse = random_tensor({2, 4, 6, c});
  for (int i = 0; i < 5; ++i) {
    const auto kind = static_cast<Restriction>(i);
    INFO(name_of(kind));
    check_on_device([=](In in) { return restrict(in[0], kind); }, {fine});
    check_in_bf16([=](In in) { return restrict(in[0], kind); }, {fine});
  }
  for (int i = 0; i < 7; ++i) {
    const auto kind = static_cast<Prolongation>(i);
    INFO(name_of(kind));
    check_on_device([=](In in) { return prolong(in[0], kind, 9, 13); }, {coarse});
    check_in_bf16([=](In in) { return prolong(in[0], kind, 9, 13); }, {coarse});
  }
  check_on_device([](In in) { return interpolate(in[0], 3, Interpolation::nearest); }, {coarse});
  check_on_device([](In in) { return interpolate(in[0], 1.0 / 3, Interpolation::area); }, {fine});
}

TEST_CASE("gradients of interpolate") {
  const Tensor x = random_tensor({2, 4, 7, 3}, DType::f64, 3);
  for (const double scale : {0.25, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0}) {
    for (int i = 0; i < (scale <= 1 ? 4 : 3); ++i) {
      INFO("mode " << i << " scale " << scale);
      const auto mode = static_cast<Interpolation>(i);
      check_gradients([=](In in) { return interpolate(in[0], scale, mode); }, {x});
    }
  }
}

TEST_CASE("extents of coarse meshes") {
  for (const auto kind : {Restriction::injection, Restriction::mean, Restriction::full_weighting,
                          Restriction::bilinear, Restriction::bilinear_aligned}) {
    CHECK(coarse_extent(2, kind) == 1);
    CHECK(coarse_extent(7, kind) == 3);
    CHECK(coarse_extent(8, kind) == 4);
    CHECK(restrict(Tensor::zeros({2, 7, 2, 5}), kind).shape() == Shape{2, 3, 1, 5});
  }
  CHECK(restrict(Tensor::zeros({0, 8, 8, 3}), Restriction::mean).shape() == Shape{0, 4, 4, 3});
}

TEST_CASE("interpolation by 3 takes each source thrice, and back") {
  const Tensor x = random_tensor({1, 5, 31, 2});
  const Tensor y = interpolate(x, 3, Interpolation::nearest);
  CHECK(y.shape() == Shape{1, 15, 93, 2});
  for (std::int64_t i = 0; i < 15; ++i)
    for (std::int64_t j = 0; j < 93; ++j)
      CHECK(y.data<float>()[(i * 93 + j) * 2] == x.data<float>()[(i / 3 * 31 + j / 3) * 2]);
  CHECK_SAME(interpolate(y, 1.0 / 3, Interpolation::nearest), x);
}

TEST_CASE("interpolation by area takes means") {
  const Tensor x = random_tensor({2, 9, 33, 3});
  const Tensor y = interpolate(x, 1.0 / 3, Interpolation::area);
  CHECK(y.shape() == Shape{2, 3, 11, 3});
  double sum = 0;
  for (int k = 0; k < 9; ++k) sum += x.data<float>()[((6 + k / 3) * 33 + 30 + k % 3) * 3 + 1];
  CHECK(y.data<float>()[(2 * 11 + 10) * 3 + 1] == doctest::Approx(sum / 9));
  CHECK_SAME(interpolate(x, 1, Interpolation::area), x);
  CHECK(error_of([&] { interpolate(x, 2, Interpolation::area); }) ==
        "interpolate: an area is at least a pixel: expected a scale factor of at most 1, got 2");
}

TEST_CASE("names") {
  for (int i = 0; i < 5; ++i) {
    const auto kind = static_cast<Restriction>(i);
    CHECK(parse_restriction(name_of(kind)) == kind);
  }
  for (int i = 0; i < 7; ++i) {
    const auto kind = static_cast<Prolongation>(i);
    CHECK(parse_prolongation(name_of(kind)) == kind);
  }
  CHECK(name_of(Restriction::full_weighting) == "full-weighting");
  CHECK(error_of([] { parse_restriction("Mean"); }) ==
        "restriction: unknown kind 'Mean'; known: injection, mean, full-weighting, bilinear, "
        "bilinear-aligned");
}

TEST_CASE("nearest leaves off the last row and column of what was halved upwards") {
  const Tensor x = random_tensor({2, 3, 4, 2});
  const auto shortened = [](const std::vector<Tensor>& in) {
    return prolong(in[0], Prolongation::nearest, 5, 7);
  };
  check_gradients(shortened, {x});
  check_on_device(shortened, {x});
  // Every other pixel is the coarse one.
  const Tensor y = prolong(x, Prolongation::nearest, 5, 7);
  REQUIRE(y.shape() == Shape{2, 5, 7, 2});
  const Tensor whole = prolong(x, Prolongation::nearest, 6, 8);
  CHECK_SAME(restrict(whole, Restriction::injection), x);
  for (std::int64_t i = 0; i < 2 * 5 * 7 * 2; ++i) {
    const std::int64_t c = i % 2, w = i / 2 % 7, h = i / 14 % 5, n = i / 70;
    CHECK(y.data<float>()[i] == whole.data<float>()[((n * 6 + h) * 8 + w) * 2 + c]);
  }
}

TEST_CASE("what cannot be transferred is refused with its shape") {
  const Tensor x = Tensor::zeros({2, 1, 8, 3});
  CHECK(error_of([&] { restrict(x, Restriction::mean); }) ==
        "restrict: input [2,1,8,3] cannot be halved (mean): height and width must be at least 2");
  CHECK(error_of([&] { coarse_extent(1, Restriction::injection); }) ==
        "restrict: an extent of 1 cannot be halved (injection)");
  CHECK(error_of([&] { prolong(x, Prolongation::nearest, 2, 18); }) ==
        "prolong: input [2,1,8,3] has no next finer mesh of 2x18 (nearest): an extent n becomes "
        "2n-1, 2n or 2n+1");
  CHECK(
      error_of([&] { prolong(x, Prolongation::bilinear, 1, 16); }) ==
      "prolong: input [2,1,8,3] has no next finer mesh of 1x16 (bilinear): an extent n becomes 2n "
      "or 2n+1");
  CHECK(error_of([&] {
          restrict(Tensor::zeros({4, 4}), Restriction::mean);
        }) == "restrict: expected an image [N,H,W,C], got [4,4]");
  CHECK(error_of([&] { restrict(Tensor(), Restriction::mean); }) ==
        "restrict: expected an image [N,H,W,C], got no tensor");
  CHECK(error_of([&] { interpolate(x, 0.5, Interpolation::nearest); }) ==
        "interpolate: input [2,1,8,3] by a factor of 0.5 has an extent of 0");
  CHECK(error_of([&] { interpolate(x, -1, Interpolation::nearest); }) ==
        "interpolate: expected a positive scale factor, got -1");
  CHECK(error_of([&] { interpolate(x, 1e300, Interpolation::nearest); }) != "");
  CHECK(error_of([&] {
          restrict(Tensor::zeros({1, 4, 4, 3}, DType::u8), Restriction::injection);
        }) == "restrict: expected f32, f64 or bf16, got u8");
}
