// SPDX-License-Identifier: MIT
#include "kernels/device_table.h"

#include "kernels/pointwise/pointwise.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("a table is copied once for its content") {
  const std::vector<float> a = {1, 2, 3}, same = a, other = {1, 2, 4};
  const auto table = [](const std::vector<float>& values) {
    return kernels::device_table(std::span(values), test_device());
  };
  const float* there = table(a);
  const auto before = memory_use(test_device());
  CHECK(table(same) == there);
  CHECK(memory_use(test_device()).current == before.current);
  CHECK(table(other) != there);
  CHECK(table(a) == there);
  const auto read = [](const float* values) {  // by a kernel, as they are read
    const Tensor y = empty_on_device({3});
    kernels::unary(test_stream(), kernels::Unary::scale, 2.f, 3, values, y.data<float>());
    return y;
  };
  CHECK_SAME(read(there), Tensor::from<float>({2, 4, 6}, {3}));
  CHECK_SAME(read(table(other)), Tensor::from<float>({2, 4, 8}, {3}));
  table({});  // nothing to read, but no error
}
