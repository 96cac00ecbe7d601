// SPDX-License-Identifier: MIT
#include "layers/blur.h"

#include <cmath>

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("gradients of the blur") {
  for (const double sigma : {0.7, 3.0}) {
    check_gradients([=](const std::vector<Tensor>& in) { return gaussian_blur(in[0], sigma); },
                    {random_tensor({2, 5, 8, 3}, DType::f64)});
  }
}

TEST_CASE("the blur on the test's device") {
  check_on_device([](const std::vector<Tensor>& in) { return gaussian_blur(in[0], 1.5); },
                  {random_tensor({2, 13, 9, 3})});
}

TEST_CASE("the blur keeps constants and the mean") {
  const Tensor ones = Tensor::full({1, 20, 31, 3}, 1);
  CHECK_CLOSE(gaussian_blur(ones, 3), ones, rounding(DType::f32, 4));
}

TEST_CASE("what cannot be blurred is refused") {
  const Tensor x = Tensor::zeros({1, 4, 4, 3});
  CHECK(error_of([&] { gaussian_blur(x, 0); }) ==
        "gaussian_blur: expected a deviation above 0, got 0");
  CHECK(error_of([&] { gaussian_blur(x, NAN); }) != "");
  CHECK(error_of([&] {
          gaussian_blur(Tensor::zeros({4, 4}), 1);
        }) == "gaussian_blur: expected an image [N,H,W,C], got [4,4]");
  CHECK(error_of([&] {
          gaussian_blur(Tensor::zeros({1, 0, 4, 3}), 1);
        }) == "gaussian_blur: expected an image [N,H,W,C], got [1,0,4,3]");
  CHECK(gaussian_blur(Tensor::zeros({0, 4, 4, 3}), 1).shape() == Shape{0, 4, 4, 3});
}
