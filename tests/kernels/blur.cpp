// SPDX-License-Identifier: MIT
#include "kernels/blur/blur.h"

#include <cmath>

#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::BlurShape;

namespace {

// The Gaussian of offset d as the contract has it, by the distance around the circle.
std::vector<double> gaussian(std::int64_t extent, double sigma) {
  std::vector<double> g(extent);
  double sum = 0;
  for (std::int64_t d = 0; d < extent; ++d) {
    const double distance = std::min(d, extent - d);
    sum += g[d] = std::exp(-distance * distance / (2 * sigma * sigma));
  }
  for (double& value : g) value /= sum;
  return g;
}

template <class T>
Tensor reference(const BlurShape& s, double sigma, const Tensor& x) {
  const auto gh = gaussian(s.h, sigma), gw = gaussian(s.w, sigma);
  const Tensor y = Tensor::zeros(x.shape(), DType::f64);
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t i = 0; i < s.h; ++i)
      for (std::int64_t j = 0; j < s.w; ++j)
        for (std::int64_t k = 0; k < s.h; ++k)
          for (std::int64_t l = 0; l < s.w; ++l) {
            const double weight = gh[(i - k + s.h) % s.h] * gw[(j - l + s.w) % s.w];
            for (std::int64_t c = 0; c < s.c; ++c) {
              y.data<double>()[((n * s.h + i) * s.w + j) * s.c + c] +=
                  weight * x.data<T>()[((n * s.h + k) * s.w + l) * s.c + c];
            }
          }
  return y;
}

}  // namespace

TEST_CASE_TEMPLATE("the blur is the circular convolution with the Gaussian", T, float, double) {
  if (!runs_here<T>()) return;
  std::vector<ImageSize> sizes = images;
  sizes.push_back({1, 2, 2});
  sizes.push_back({1, 3, 40});
  for (const ImageSize& image : sizes)
    for (const std::int64_t c : {1, 3, 17})
      for (const double sigma : {0.3, 1.0, 3.0, 50.0}) {
        const BlurShape s{image.n, image.h, image.w, c};
        INFO("image " << s.n << "x" << s.h << "x" << s.w << "x" << c << ", sigma " << sigma);
        const Tensor x = random_tensor({s.n, s.h, s.w, c}, dtype_of<T>);
        const Tensor y = empty_on_device(x.shape(), dtype_of<T>), x_there = on_device(x);
        kernels::gaussian_blur(test_stream(), s, sigma, x_there.data<T>(), y.data<T>());
        CHECK_CLOSE(y, reference<T>(s, sigma, x), rounding(dtype_of<T>, 2));
      }
}

TEST_CASE("what is far away may be infinite") {
  const Tensor x = Tensor::zeros({1, 1, 40, 1});
  x.data<float>()[0] = INFINITY;
  const Tensor y = empty_on_device(x.shape()), x_there = on_device(x);
  kernels::gaussian_blur(test_stream(), {1, 1, 40, 1}, 1.0, x_there.data<float>(), y.data<float>());
  const auto values = y.to_vector<float>();
  for (std::size_t i = 0; i < 40; ++i) {
    INFO(i);
    CHECK(values[i] == (i <= 6 || i >= 34 ? INFINITY : 0.f));
  }
}

TEST_CASE("taps: symmetric around the circle, cut where they do not count, of sum one") {
  for (const std::int64_t extent : {1, 2, 3, 8, 9, 100}) {
    const auto taps = kernels::gaussian_taps(extent, 3, 0);
    const auto g = gaussian(extent, 3);
    REQUIRE(static_cast<std::int64_t>(taps.weight.size()) == extent);
    double sum = 0;
    for (std::int64_t k = 0; k < extent; ++k) {
      CHECK(taps.weight[k] ==
            doctest::Approx(g[(taps.first + k + extent) % extent]).epsilon(1e-12));
      sum += taps.weight[k];
    }
    CHECK(sum == doctest::Approx(1).epsilon(1e-14));
  }
  const auto cut = kernels::gaussian_taps(1000, 3, 0x1p-26);
  CHECK(cut.first == -18);  // 3 sqrt(2 * 26 ln 2) = 18.01
  CHECK(cut.weight.size() == 37);
  // A tiny deviation leaves the image as it is; a huge one leaves its mean.
  CHECK(kernels::gaussian_taps(9, 1e-300, 1e-9).weight == std::vector<double>{1});
  CHECK(kernels::gaussian_taps(4, 1e300, 1e-9).weight == std::vector<double>(4, 0.25));
}
