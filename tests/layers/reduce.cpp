// SPDX-License-Identifier: MIT
#include "layers/reduce.h"

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("values of sums and means") {
  const Tensor x = Tensor::from<float>({1, 2, 3, 4, 5, 9}, {2, 3});
  CHECK(sum(x).shape() == Shape{});
  CHECK(sum(x).item() == 24);
  CHECK(mean(x).item() == 4);
  CHECK(mean_per_sample(x).to_vector<float>() == std::vector<float>{2, 6});
  const Tensor v = Tensor::from<float>({1, 2, 4}, {3}), w = Tensor::from<float>({1, -2, 0.5f}, {3});
  CHECK(weighted_sum(v, w).item() == -1);
  CHECK(sum(Tensor::zeros({0, 3})).item() == 0);
  CHECK(mean_per_sample(Tensor::zeros({0, 3})).shape() == Shape{0});
}

TEST_CASE("gradients of reductions") {
  using In = const std::vector<Tensor>&;
  const Tensor x = random_tensor({3, 4, 2, 5}, DType::f64, 1);
  check_gradients([](In in) { return sum(in[0]); }, {x});
  check_gradients([](In in) { return mean(in[0]); }, {x});
  check_gradients([](In in) { return mean_per_sample(in[0]); }, {x});
  const Tensor w = random_tensor({7}, DType::f64, 2);
  check_gradients([w](In in) { return weighted_sum(in[0], w); },
                  {random_tensor({7}, DType::f64, 3)});
  check_gradients([](In in) { return add_per_channel(in[0], in[1]); },
                  {x, random_tensor({3, 5}, DType::f64, 4)});
}

TEST_CASE("reductions on the test's device") {
  using In = const std::vector<Tensor>&;
  const Tensor x = random_tensor({3, 40, 35, 5}), w = random_tensor({7001}, DType::f32, 2);
  check_on_device([](In in) { return sum(in[0]); }, {x});
  check_on_device([](In in) { return mean(in[0]); }, {x});
  check_on_device([](In in) { return mean_per_sample(in[0]); }, {x});
  check_on_device(
      [&](In in) { return weighted_sum(in[0], w.to(in[0].dtype()).to(in[0].device())); },
      {random_tensor({7001}, DType::f32, 3)});
  check_on_device([](In in) { return add_per_channel(in[0], in[1]); },
                  {x, random_tensor({3, 5}, DType::f32, 4)});
  check_in_bf16([](In in) { return sum(in[0]); }, {x});
  check_in_bf16([](In in) { return mean_per_sample(in[0]); }, {x});
  for (const std::size_t activations : {1, 2}) {  // vectors of f32, as they should be, and of bf16
    check_in_bf16([](In in) { return add_per_channel(in[0], in[1]); },
                  {x, random_tensor({3, 5}, DType::f32, 4)}, activations);
    check_in_bf16([](In in) { return add_per_channel(in[0], in[1]); },
                  {random_tensor({2, 7, 16}), random_tensor({2, 16}, DType::f32, 4)}, activations);
  }
}

TEST_CASE("no gradient flows to the weights") {
  const Tensor x = random_tensor({3}).set_requires_grad(),
               w = random_tensor({3}).set_requires_grad();
  weighted_sum(x, w).backward();
  CHECK_SAME(x.grad(), w);
  CHECK(!w.grad().defined());
}

TEST_CASE("shapes that do not fit are refused with both") {
  CHECK(error_of([] {
          add_per_channel(Tensor::zeros({2, 4, 4, 3}), Tensor::zeros({2, 5}));
        }) ==
        "add_per_channel: expected images [N,H,W,C] and vectors [N,C], got f32 [2,4,4,3] and f32 "
        "[2,5]");
  CHECK(error_of([] { weighted_sum(Tensor::zeros({2}), Tensor::zeros({3})); }) ==
        "weighted_sum: expected two tensors [N] alike, got f32 [2] and f32 [3]");
  CHECK(error_of([] { mean(Tensor::zeros({0, 3})); }) == "mean: input [0,3] has no elements");
  CHECK(error_of([] { mean_per_sample(Tensor::zeros({})); }) ==
        "mean_per_sample: expected [N, ...], got []");
  CHECK(error_of([] {
          mean_per_sample(Tensor::zeros({2, 0}));
        }) == "mean_per_sample: samples of [2,0] have no elements");
  CHECK(error_of([] { sum(Tensor::zeros({2}, DType::i64)); }) ==
        "sum: expected f32, f64 or bf16, got i64");
}
