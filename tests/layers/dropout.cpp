// SPDX-License-Identifier: MIT
#include "layers/dropout.h"

#include <utility>

#include "core/graph.h"
#include "support/compare.h"
#include "support/device.h"

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

TEST_CASE("dropout on the test's device, its step in memory there") {
  const Tensor x = random_tensor({2, 4, 3, 5}), seed = random_tensor(x.shape(), DType::f32, 2);
  const Tensor step = Tensor::from<std::int64_t>({5}, {1});
  const auto run = [&](const Device& device, const RandomKey& named, const Tensor& at) {
    const Tensor leaf = x.clone().to(device).set_requires_grad();
    const Tensor y = dropout(leaf, 0.3, named, ids({3, 8}).to(device), 2, at);
    y.backward(seed.to(device));
    return std::vector<Tensor>{y.detach(), leaf.grad()};
  };
  const auto expected = run(Device(), key, {});
  const RandomKey other_step(1, "dropout/test", 6);
  for (const auto& got :
       {run(test_device(), key, {}), run(test_device(), other_step, on_device(step))}) {
    CHECK_SAME(got[0], expected[0]);
    CHECK_SAME(got[1], expected[1]);
  }
  const Tensor image = Tensor::full({2, 4, 4, 4}, 1, DType::f32, test_device());
  const auto in_scope = [&](std::uint64_t at, const Tensor& device_step) {
    const RandomScope scope(
        {.seed = 9, .step = at, .sample_ids = on_device(ids({3, 8})), .device_step = device_step});
    return dropout(image, 0.5, "block1");
  };
  CHECK_SAME(in_scope(1, on_device(step)), in_scope(5, {}));
}

TEST_CASE("a recorded dropout takes the step of each replay") {
  if (!Graph::supported(test_device())) return;
  const Tensor x = on_device(random_tensor({2, 4, 4, 4})), there = on_device(ids({3, 8}));
  const Tensor step = zeros_on_device({1}, DType::i64);
  Tensor y;
  const Graph graph(test_device(), [&] { y = dropout(x, 0.5, key, there, 1, step); });
  for (const std::int64_t k : {5, 6}) {
    step.copy_from(Tensor::from<std::int64_t>({k}, {1}));
    graph.replay();
    CHECK_SAME(
        y, dropout(x, 0.5, RandomKey(1, "dropout/test", static_cast<std::uint64_t>(k)), there, 1));
  }
}

TEST_CASE("dropout writes over a tensor that nobody has") {
  const Tensor x = on_device(random_tensor({2, 4, 3, 5})), before = x.clone();
  const Tensor sample_ids = on_device(ids({3, 8})), y = dropout(x, 0.5, key, sample_ids, 1);
  CHECK_SAME(x, before);
  Tensor given = x.clone();
  const void* const there = given.raw();
  const Tensor in_place = dropout(std::move(given), 0.5, key, sample_ids, 1);
  CHECK(in_place.raw() == there);
  CHECK_SAME(in_place, y);
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
  CHECK(error_of([&] {
          dropout(x, 0.5, key, ids({1, 2}), 1, Tensor::zeros({1}));
        }) == "dropout: expected a step i64 [1] on cpu, got f32 [1] on cpu");
  CHECK(error_of([&] { dropout(Tensor::zeros({}), 0.5, key, ids({1}), 1); }) ==
        "dropout: expected an input [N, ...], got []");
}
