// SPDX-License-Identifier: MIT
#include "layers/structure.h"

#include "layers/pointwise.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using In = const std::vector<Tensor>&;

TEST_CASE("gradients of joins and of the pixel shuffle") {
  const Tensor a = random_tensor({2, 3, 2, 3}, DType::f64, 1);
  const Tensor b = random_tensor({2, 3, 2, 5}, DType::f64, 2);
  const Tensor c = random_tensor({1, 3, 2, 3}, DType::f64, 3);
  check_gradients([](In in) { return concat_channels({in[0], in[1]}); }, {a, b});
  check_gradients([](In in) { return concat_rows({in[0], in[1]}); }, {a, c});
  check_gradients([](In in) { return pixel_shuffle(in[0], 2); },
                  {random_tensor({2, 3, 2, 12}, DType::f64, 4)});
}

TEST_CASE("joins and the pixel shuffle on the test's device") {
  const Tensor a = random_tensor({2, 3, 2, 3}), b = random_tensor({2, 3, 2, 5});
  const Tensor c = random_tensor({1, 3, 2, 3});
  check_on_device([](In in) { return concat_channels({in[0], in[1]}); }, {a, b});
  check_on_device([](In in) { return concat_rows({in[0], in[1]}); }, {a, c});
  check_on_device([](In in) { return pixel_shuffle(in[0], 2); }, {random_tensor({2, 3, 4, 12})});
  for (const std::size_t activations : {1, 2}) {  // beside f32, which makes f32, and beside bf16
    check_in_bf16([](In in) { return concat_channels({in[0], in[1]}); }, {a, b}, activations);
    check_in_bf16(
        [](In in) {
          return concat_channels({in[0], in[1]});
        },
        {random_tensor({1, 3, 8}), random_tensor({1, 3, 16})}, activations);
  }
  check_in_bf16([](In in) { return concat_rows({in[0], in[1]}); }, {a, c}, 2);
  check_in_bf16([](In in) { return pixel_shuffle(in[0], 2); }, {random_tensor({2, 3, 4, 12})});
}

TEST_CASE("one tensor in two places gets both gradients, in memory of its own") {
  const Tensor x = random_tensor({2, 3}).set_requires_grad();
  const Tensor seed = random_tensor({4, 3}, DType::f32, 2);
  concat_rows({x, x}).backward(seed);
  CHECK_SAME(x.grad(), add(seed.rows(0, 2), seed.rows(2, 2)));
  const Tensor before = seed.clone();
  concat_rows({x, x}).backward(seed);  // adds to the gradient, not to the seed
  CHECK_SAME(seed, before);
}

TEST_CASE("rows of any dtype follow one another") {
  const Tensor a = Tensor::from<std::uint8_t>({1, 2, 3, 4}, {2, 2});
  const Tensor b = Tensor::from<std::uint8_t>({5, 6}, {1, 2});
  CHECK_SAME(concat_rows({a, b}), Tensor::from<std::uint8_t>({1, 2, 3, 4, 5, 6}, {3, 2}));
  CHECK(concat_rows({a, Tensor::zeros({0, 2}, DType::u8)}).shape() == Shape{2, 2});
}

TEST_CASE("channels stand side by side") {
  for (const auto c0 : channels) {
    for (const auto c1 : channels) {
      const Tensor a = random_tensor({2, 3, 5, c0}), b = random_tensor({2, 3, 5, c1});
      const Tensor y = concat_channels({a, b, a});
      const Tensor expected = Tensor::empty({2, 3, 5, 2 * c0 + c1});
      for (std::int64_t p = 0; p < 30; ++p) {
        float* to = expected.data<float>() + p * (2 * c0 + c1);
        to = std::copy_n(a.data<float>() + p * c0, c0, to);
        to = std::copy_n(b.data<float>() + p * c1, c1, to);
        std::copy_n(a.data<float>() + p * c0, c0, to);
      }
      CHECK_SAME(y, expected);
    }
  }
}

TEST_CASE("what does not fit is refused with both shapes") {
  const Tensor a = Tensor::zeros({2, 4, 4, 3}), b = Tensor::zeros({2, 4, 5, 3});
  CHECK(error_of([&] {
          concat_channels({a, b});
        }) ==
        "concat_channels: expected tensors alike but for extent 3, got f32 [2,4,4,3] and f32 "
        "[2,4,5,3]");
  CHECK(error_of([&] {
          concat_rows({a, Tensor::zeros({2, 4, 4})});
        }) ==
        "concat_rows: expected tensors alike but for extent 0, got f32 [2,4,4,3] and f32 [2,4,4]");
  CHECK(error_of([&] {
          concat_rows({a, a.to(DType::f64)});
        }) ==
        "concat_rows: expected tensors alike but for extent 0, got f32 [2,4,4,3] and f64 "
        "[2,4,4,3]");
  CHECK(error_of([] { concat_rows({}); }) == "concat_rows: expected at least one tensor");
  CHECK(error_of([] { concat_rows({Tensor::zeros({})}); }) ==
        "concat_rows: expected tensors of rank 1 or more, got []");
  CHECK(error_of([&] { pixel_shuffle(a, 2); }) ==
        "pixel_shuffle: input [2,4,4,3] has 3 channels, which are no multiple of 2 times 2");
  CHECK(error_of([&] { pixel_shuffle(a, 0); }) != "");
}
