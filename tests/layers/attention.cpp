// SPDX-License-Identifier: MIT
#include "layers/attention.h"

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("gradients of softmax") {
  using In = const std::vector<Tensor>&;
  check_gradients([](In in) { return softmax(in[0]); }, {random_tensor({2, 3, 7})});
  check_gradients([](In in) { return softmax(in[0]); }, {random_tensor({33})});
}

TEST_CASE("gradients of qkv_attention") {
  using In = const std::vector<Tensor>&;
  for (const std::int64_t heads : {1, 2, 4}) {
    const auto attention = [=](In in) { return qkv_attention(in[0], heads); };
    check_gradients(attention, {random_tensor({2, 5, 3 * 4})});
  }
  check_gradients([](In in) { return qkv_attention(in[0], 2); }, {random_tensor({1, 100, 3 * 4})});
}

TEST_CASE("softmax and attention on the test's device") {
  using In = const std::vector<Tensor>&;
  for (const std::int64_t columns : {7, 16}) {
    check_on_device([](In in) { return softmax(in[0]); }, {random_tensor({2, 3, columns})});
    check_in_bf16([](In in) { return softmax(in[0]); }, {random_tensor({2, 3, columns})}, 1, 2);
  }
  for (const std::int64_t heads : {1, 2}) {
    const auto attention = [=](In in) { return qkv_attention(in[0], heads); };
    check_on_device(attention, {random_tensor({2, 70, 3 * 16})});
    check_in_bf16(attention, {random_tensor({2, 70, 3 * 16})}, 1, 2);  // y, dqkv
  }
}

TEST_CASE("what qkv_attention refuses") {
  CHECK(error_of([] {
          qkv_attention(Tensor::zeros({2, 5, 7}));
        }) == "qkv_attention: expected queries, keys and values [N,T,3C], got shape [2,5,7]");
  CHECK(error_of([] {
          qkv_attention(Tensor::zeros({2, 5, 12}), 3);
        }) == "qkv_attention: 3 heads do not divide the 4 channels of qkv [2,5,12]");
}

TEST_CASE("what softmax refuses") {
  CHECK(error_of([] {
          softmax(Tensor::zeros({2, 0}));
        }) == "softmax: expected an input of rank 1 or more with elements, got shape [2,0]");
  CHECK(error_of([] { softmax(Tensor::zeros({2}, DType::i64)); }) ==
        "softmax: expected f32, f64 or bf16, got i64");
}
