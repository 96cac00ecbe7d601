// SPDX-License-Identifier: MIT
#include "layers/pointwise.h"

#include "support/compare.h"
#include "support/device.h"

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

TEST_CASE("pointwise functions on the test's device") {
  using In = const std::vector<Tensor>&;
  const Tensor x = random_tensor({3, 1001}), y = random_tensor({3, 1001}, DType::f32, 2);
  const Function functions[] = {[](In in) { return silu(in[0]); },
                                [](In in) { return relu(in[0]); },
                                [](In in) { return leaky_relu(in[0], 0.2); },
                                [](In in) { return tanh(in[0]); },
                                [](In in) { return sigmoid(in[0]); },
                                [](In in) { return -3.5 * in[0]; }};
  for (const Function& f : functions) {
    check_on_device(f, {x});
    check_in_bf16(f, {x});
  }
  const Function of_two[] = {[](In in) { return in[0] + in[1]; },
                             [](In in) { return in[0] - in[1]; },
                             [](In in) { return in[0] * in[1]; }};
  for (const Function& f : of_two) {
    check_on_device(f, {x, y});
    for (const std::size_t activations : {1, 2}) check_in_bf16(f, {x, y}, activations);
  }
}

TEST_CASE("unequal shapes are refused with both") {
  CHECK(error_of([] { add(Tensor::zeros({2}), Tensor::zeros({3})); }) ==
        "add: expected two tensors alike, got f32 [2] and f32 [3]");
}
