// SPDX-License-Identifier: MIT
#include "kernels/concat/concat.h"

#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("columns are copied into a wider array and out of it", T, float, double,
                   bfloat16) {
  if (!runs_here<T>()) return;
  for (const std::int64_t rows : {1, 7, 333})
    for (const auto columns : channels)
      for (const auto& [before, after] : {std::pair{0, 2}, {3, 1}, {4, 4}, {4, 3}, {8, 8}}) {
        INFO(rows << " rows of " << columns << " columns behind " << before << " before " << after);
        const std::int64_t stride = columns + before + after;
        const Tensor part = random_tensor({rows, columns}, dtype_of<T>, 1);
        const Tensor whole = random_tensor({rows, stride}, dtype_of<T>, 2);
        const Tensor expected = whole.clone(), back = empty_on_device(part.shape(), dtype_of<T>);
        const Tensor part_there = on_device(part), whole_there = on_device(whole);
        kernels::copy_columns(test_stream(), rows, columns, part_there.data<T>(), columns,
                              whole_there.data<T>() + before, stride);
        kernels::copy_columns<T>(test_stream(), rows, columns, whole_there.data<T>() + before,
                                 stride, back.data<T>(), columns);
        for (std::int64_t i = 0; i < rows; ++i) {
          for (std::int64_t k = 0; k < columns; ++k) {
            expected.data<T>()[i * stride + before + k] = part.data<T>()[i * columns + k];
          }
        }
        CHECK_SAME(whole_there, expected);  // what is not part of the block stays
        CHECK_SAME(back, part);
      }
}
