// SPDX-License-Identifier: MIT
#include "layers/pointwise.h"

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("gradients of pointwise functions") {
  const Tensor x = random_tensor({3, 5}, DType::f64, 1), y = random_tensor({3, 5}, DType::f64, 2);
  using In = const std::vector<Tensor>&;
  check_gradients([](In in) { return silu(in[0]); }, {x});
  check_gradients([](In in) { return relu(in[0]); }, {x});
  check_gradients([](In in) { return leaky_relu(in[0], 0.2); }, {x});
  check_gradients([](In in) { return tanh(in[0]); }, {x});
  check_gradients([](In in) { return sigmoid(in[0]); }, {x});
  check_gradients([](In in) { return -3.5 * in[0]; }, {x});
  check_gradients([](In in) { return in[0] + in[1]; }, {x, y});
  check_gradients([](In in) { return in[0] - in[1]; }, {x, y});
  check_gradients([](In in) { return in[0] * in[1]; }, {x, y});
}

TEST_CASE("unequal shapes are refused with both") {
  CHECK(error_of([] { add(Tensor::zeros({2}), Tensor::zeros({3})); }) ==
        "add: expected two tensors alike, got f32 [2] and f32 [3]");
}
