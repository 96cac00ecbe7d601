// SPDX-License-Identifier: MIT
#include "layers/norm.h"

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("gradients of layer_norm") {
  using In = const std::vector<Tensor>&;
  const auto normalised = [](In in) { return layer_norm(in[0]); };
  check_gradients(normalised, {random_tensor({2, 3, 4, 5})});
  check_gradients(normalised, {random_tensor({3, 7})});
  check_gradients(normalised, {random_tensor({1, 70, 70, 1})});
  // eps counts where the variance is small
  check_gradients([](In in) { return layer_norm(in[0], 0.5); }, {random_tensor({2, 3, 3, 2})});
}

TEST_CASE("what layer_norm refuses") {
  CHECK(error_of([] { layer_norm(Tensor::zeros({5})); }) ==
        "layer_norm: expected samples [N,...] with elements, got an input of shape [5]");
  CHECK(error_of([] {
          layer_norm(Tensor::zeros({2, 0, 3, 3}));
        }) ==
        "layer_norm: expected samples [N,...] with elements, got an input of shape [2,0,3,3]");
}
