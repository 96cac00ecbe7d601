// SPDX-License-Identifier: MIT
#include "layers/attention.h"

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("gradients of softmax") {
  using In = const std::vector<Tensor>&;
  check_gradients([](In in) { return softmax(in[0]); }, {random_tensor({2, 3, 7})});
  check_gradients([](In in) { return softmax(in[0]); }, {random_tensor({33})});
}

TEST_CASE("what softmax refuses") {
  CHECK(error_of([] {
          softmax(Tensor::zeros({2, 0}));
        }) == "softmax: expected an input of rank 1 or more with elements, got shape [2,0]");
  CHECK(error_of([] { softmax(Tensor::zeros({2}, DType::i64)); }) ==
        "softmax: expected f32 or f64, got i64");
}
