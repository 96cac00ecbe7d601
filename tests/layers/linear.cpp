// SPDX-License-Identifier: MIT
#include "layers/linear.h"

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
using In = const std::vector<Tensor>&;

TEST_CASE("linear and matmul on numbers done by hand") {
  const Tensor x = Tensor::from<float>({1, 2, 3, 4}, {2, 2});
  const Tensor weight = Tensor::from<float>({1, 0, 0, 1, 1, -1}, {3, 2});
  CHECK_SAME(linear(x, weight, Tensor::from<float>({10, 20, 30}, {3})),
             Tensor::from<float>({11, 22, 29, 13, 24, 29}, {2, 3}));
  CHECK_SAME(matmul(weight, x), Tensor::from<float>({1, 2, 3, 4, -2, -2}, {3, 2}));
}

TEST_CASE("gradients of linear and matmul") {
  const Tensor x = random_tensor({5, 3}, DType::f64, 1), bias = random_tensor({4}, DType::f64, 2);
  const Tensor weight = random_tensor({4, 3}, DType::f64, 3);
  check_gradients([](In in) { return linear(in[0], in[1], in[2]); }, {x, weight, bias});
  check_gradients([](In in) { return linear(in[0], in[1], Tensor()); }, {x, weight});
  check_gradients([](In in) { return matmul(in[0], in[1]); },
                  {x, random_tensor({3, 7}, DType::f64, 4)});
}

TEST_CASE("products on the test's device") {
  const Tensor x = random_tensor({5, 7}), weight = random_tensor({6, 7}), bias = random_tensor({6});
  check_on_device([](In in) { return linear(in[0], in[1], in[2]); }, {x, weight, bias});
  check_on_device([](In in) { return matmul(in[0], in[1]); }, {x, random_tensor({7, 9})});
}

TEST_CASE("linear and matmul say what does not fit") {
  CHECK(error_of([] {
          linear(Tensor::zeros({2, 3}), Tensor::zeros({4, 5}), Tensor());
        }) == "linear: expected an input [N,in] and a weight [out,in], got [2,3] and [4,5]");
  CHECK(error_of([] {
          linear(Tensor::zeros({2, 3}), Tensor::zeros({4, 3}), Tensor::zeros({3}));
        }) == "linear: weight [4,3] expects a bias [4], got [3]");
  CHECK(error_of([] {
          matmul(Tensor::zeros({2, 3}), Tensor::zeros({4, 5}));
        }) == "matmul: expected matrices [M,K] and [K,N], got [2,3] and [4,5]");
}
