// SPDX-License-Identifier: MIT
#include "kernels/concat/concat.h"

#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("columns are copied into a wider array and out of it", T, float, double) {
  for (const std::int64_t rows : {1, 7, 333})
    for (const auto columns : channels)
      for (const std::int64_t before : {0, 3}) {
        INFO(rows << " rows of " << columns << " columns behind " << before);
        const std::int64_t stride = columns + before + 2;
        const Tensor part = random_tensor({rows, columns}, dtype_of<T>, 1);
        const Tensor whole = random_tensor({rows, stride}, dtype_of<T>, 2);
        const Tensor expected = whole.clone(), back = Tensor::empty(part.shape(), dtype_of<T>);
        kernels::copy_columns(Stream(), rows, columns, part.data<T>(), columns,
                              whole.data<T>() + before, stride);
        kernels::copy_columns<T>(Stream(), rows, columns, whole.data<T>() + before, stride,
                                 back.data<T>(), columns);
        for (std::int64_t i = 0; i < rows; ++i) {
          for (std::int64_t k = 0; k < columns; ++k) {
            expected.data<T>()[i * stride + before + k] = part.data<T>()[i * columns + k];
          }
        }
        CHECK_SAME(whole, expected);  // what is not part of the block stays
        CHECK_SAME(back, part);
      }
}
