// SPDX-License-Identifier: MIT
#include "layers/random.h"

#include <cmath>

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("tensors of random numbers") {
  const RandomKey key(1, "noise", 3);
  const Tensor u = random_uniform({2, 3, 5}, key, -1, 3), z = random_normal({2, 3, 5}, key);
  CHECK(u.shape() == Shape{2, 3, 5});
  CHECK(z.dtype() == DType::f32);
  for (const float v : u.to_vector<float>()) CHECK((v >= -1 && v <= 3));
  CHECK_SAME(random_uniform({2, 3, 5}, key, -1, 3, DType::f64), u.to(DType::f64));
  CHECK_SAME(random_normal({30}, key, DType::f64).reshape({2, 3, 5}), z.to(DType::f64));
  CHECK(difference(random_normal({2, 3, 5}, RandomKey(1, "noise", 4)), z, {0.1, 0.1}) != "");
  CHECK(random_normal({0, 3}, key).numel() == 0);
}

TEST_CASE("the same bits on every device") {
  const RandomKey key(1, "noise", 3);
  const auto there = [&](double low, double high) {
    return random_uniform({2, 3, 5}, key, low, high, DType::f32, test_device());
  };
  CHECK(there(-1, 3).device() == test_device());
  CHECK_SAME(there(-1, 3), random_uniform({2, 3, 5}, key, -1, 3));
  CHECK_SAME(random_normal({2, 3, 5}, key, DType::f32, test_device()),
             random_normal({2, 3, 5}, key));
  CHECK_SAME(random_boxes({2, 9, 7, 3}, key, 3, DType::f32, test_device()),
             random_boxes({2, 9, 7, 3}, key));
}

TEST_CASE("what random tensors refuse") {
  const RandomKey key(1, "noise");
  CHECK(error_of([&] { random_uniform({2}, key, 1, 0); }) ==
        "random_uniform: expected low <= high, got 1 and 0");
  CHECK(error_of([&] { random_uniform({2}, key, 0, INFINITY); }) ==
        "random_uniform: expected low <= high, got 0 and inf");
  CHECK(error_of([&] { random_normal({2}, key, DType::u8); }) ==
        "random_normal: expected f32 or f64, got u8");
  CHECK(error_of([&] {
          random_boxes({2, 0, 4, 3}, key);
        }) == "random_boxes: expected images [N,H,W,C] and a number of boxes, got [2,0,4,3] and 3");
}
