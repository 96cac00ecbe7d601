// SPDX-License-Identifier: MIT
#include "layers/cast.h"

#include "layers/linear.h"
#include "layers/pointwise.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("a cast rounds, and its gradient comes back in the type of its input") {
  const Tensor x = on_device(random_tensor({3, 1001})).set_requires_grad();
  const Tensor y = cast(x, DType::bf16);
  CHECK_SAME(y, on_host(x).detach().to(DType::bf16));
  const Tensor seed = on_device(random_tensor(y.shape(), DType::bf16, 2));
  y.backward(seed);
  CHECK(x.grad().dtype() == DType::f32);
  CHECK_SAME(x.grad(), seed);
  const Tensor back = cast(on_device(random_tensor({7}, DType::bf16)), DType::f32);
  CHECK(back.dtype() == DType::f32);
  CHECK_SAME(back, random_tensor({7}, DType::bf16));
}

TEST_CASE("a cast to the type there is gives the tensor itself, of whatever type") {
  const Tensor x = random_tensor({3}).set_requires_grad();
  CHECK(cast(x, DType::f32).impl() == x.impl());
  const Tensor ids = Tensor::zeros({3}, DType::i64);
  CHECK(cast(ids, DType::i64).impl() == ids.impl());
}

TEST_CASE("what cast refuses") {
  CHECK(error_of([] { cast(Tensor::zeros({3}, DType::i64), DType::f32); }) ==
        "cast: expected f32, f64 or bf16, got i64");
  CHECK(error_of([] { cast(Tensor::zeros({3}), DType::u8); }) ==
        "cast: expected f32, f64 or bf16, got u8");
}

TEST_CASE("f32 and bf16 meet in f32, other types do not meet") {
  const Tensor wide_one = random_tensor({3}), narrow = random_tensor({3}, DType::bf16, 2);
  const Tensor exact = random_tensor({3}, DType::f64, 3);
  const auto types = [](const std::vector<Tensor>& tensors) {
    std::vector<DType> all;
    for (const Tensor& x : in_common_type(tensors)) all.push_back(x.dtype());
    return all;
  };
  CHECK(types({wide_one, narrow}) == std::vector{DType::f32, DType::f32});
  CHECK(types({narrow, narrow, wide_one}) == std::vector{DType::f32, DType::f32, DType::f32});
  CHECK(types({narrow, narrow}) == std::vector{DType::bf16, DType::bf16});
  CHECK(types({exact, narrow}) == std::vector{DType::f64, DType::bf16});
  CHECK(error_of([&] { add(exact, narrow); }) ==
        "add: expected two tensors alike, got f64 [3] and bf16 [3]");
}

TEST_CASE("products of embeddings are f32") {
  const Tensor x = random_tensor({5, 7}), weight = random_tensor({4, 7}, DType::f32, 2);
  check_in_bf16([](const std::vector<Tensor>& in) { return linear(in[0], in[1], Tensor()); },
                {x, weight});
  check_in_bf16([](const std::vector<Tensor>& in) { return matmul(in[0], in[1]); },
                {x, random_tensor({7, 4}, DType::f32, 2)}, 2);
  const Tensor there = on_device(x).to(DType::bf16);
  CHECK(linear(there, on_device(weight), Tensor()).dtype() == DType::f32);
}

TEST_CASE("the CPU does not compute on bf16, and says so") {
  CHECK(error_of([] { silu(random_tensor({3}, DType::bf16)); }) ==
        "unary: no kernel for bf16 on cpu");
}
