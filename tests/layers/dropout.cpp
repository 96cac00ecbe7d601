// SPDX-License-Identifier: MIT
#include "layers/dropout.h"

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {
const RandomKey key(1, "dropout/test", 5);
Tensor ids(std::vector<std::int64_t> values) {
  return Tensor::from(values, {static_cast<std::int64_t>(values.size())});
}
}  // namespace

TEST_CASE("gradients of dropout") {
  check_gradients(
      [](const std::vector<Tensor>& in) {
        return dropout(in[0], 0.3, key, ids({3, 8}), 2);
      },
      {random_tensor({2, 4, 3, 5}, DType::f64)});
}

TEST_CASE("the gradient is dropped where the value was") {
  const Tensor x = random_tensor({2, 6, 6, 4}).set_requires_grad();
  const Tensor ones = Tensor::full(x.shape(), 1);
  dropout(x, 0.5, key, ids({3, 8}), 1).backward(ones);
  CHECK_SAME(x.grad(), dropout(ones, 0.5, key, ids({3, 8}), 1));
}

TEST_CASE("ranks other than four") {
  const Tensor vector = Tensor::full({2, 8}, 1), image = Tensor::full({2, 1, 1, 8}, 1);
  CHECK_SAME(dropout(vector, 0.5, key, ids({3, 8}), 1).reshape({2, 1, 1, 8}),
             dropout(image, 0.5, key, ids({3, 8}), 1));
  const Tensor tokens = Tensor::full({2, 6, 8}, 1), row = Tensor::full({2, 1, 6, 8}, 1);
  CHECK_SAME(dropout(tokens, 0.5, key, ids({3, 8}), 1).reshape({2, 1, 6, 8}),
             dropout(row, 0.5, key, ids({3, 8}), 1));
  CHECK(dropout(Tensor::full({2}, 1), 0.5, key, ids({3, 8}), 1).shape() == Shape{2});
  const Tensor volume = Tensor::full({2, 2, 3, 6, 8}, 1), flat = Tensor::full({2, 6, 6, 8}, 1);
  CHECK_SAME(dropout(volume, 0.5, key, ids({3, 8}), 1).reshape({2, 6, 6, 8}),
             dropout(flat, 0.5, key, ids({3, 8}), 1));
}

TEST_CASE("a layer takes everything from the scope around it") {
  const Tensor x = Tensor::full({2, 4, 4, 4}, 1);
  CHECK(RandomScope::current() == nullptr);
  {
    const RandomScope outer({.seed = 9, .step = 2, .sample_ids = ids({3, 8}), .spacing = 2});
    const RandomKey layer_key(9, "dropout/block1", 2);
    CHECK_SAME(dropout(x, 0.5, "block1"), dropout(x, 0.5, layer_key, ids({3, 8}), 2));
    CHECK(difference(dropout(x, 0.5, "block2"), dropout(x, 0.5, "block1"), {}) != "");
    {
      const RandomScope inner({.seed = 9, .step = 3, .sample_ids = ids({3, 8}), .spacing = 2});
      CHECK(RandomScope::current()->step == 3);
    }
    CHECK(RandomScope::current()->step == 2);
  }
  CHECK(RandomScope::current() == nullptr);
  CHECK_SAME(dropout(x, 0, "block1"), x);
}

TEST_CASE("backward outside the scope uses the mask of the forward pass") {
  const Tensor x = random_tensor({2, 4, 4, 4}).set_requires_grad(),
               ones = Tensor::full(x.shape(), 1);
  Tensor y, mask;
  {
    const RandomScope scope({.seed = 9, .step = 2, .sample_ids = ids({3, 8}), .spacing = 2});
    y = dropout(x, 0.5, "block1");
    mask = dropout(ones, 0.5, "block1");
  }
  y.backward(ones);
  CHECK_SAME(x.grad(), mask);
}

TEST_CASE("what dropout refuses") {
  const Tensor x = Tensor::zeros({2, 4, 4, 3});
  CHECK(error_of([&] { dropout(x, 0.5, "block1"); }) ==
        "dropout: layer block1 needs a RandomScope with seed, step and sample ids around the "
        "forward pass (or evaluation mode)");
  CHECK(error_of([&] { dropout(x, 1.5, "block1"); }) ==
        "dropout: expected a probability from 0 to 1, got 1.5");
  CHECK(error_of([&] {
          dropout(x, 0.5, key, ids({1, 2, 3}), 1);
        }) == "dropout: input [2,4,4,3] expects sample_ids i64 [2], got i64 [3]");
  CHECK(error_of([&] { dropout(x, 0.5, key, Tensor(), 1); }) ==
        "dropout: input [2,4,4,3] expects sample_ids i64 [2], got none");
  CHECK(error_of([&] {
          dropout(x, 0.5, key, ids({1, 2}), 0);
        }) == "dropout: input [2,4,4,3] expects a spacing from 1 to 1073741824, got 0");
  CHECK(error_of([&] { dropout(Tensor::zeros({}), 0.5, key, ids({1}), 1); }) ==
        "dropout: expected an input [N, ...], got []");
}
