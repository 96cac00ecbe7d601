// SPDX-License-Identifier: MIT
// Filling, conversion and addition, by way of the tensors that ask for them.
#include "core/autograd.h"
#include "kernels/dispatch.h"  // registers the kernels
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("conversion between all types, as on the host") {
  const DType types[] = {DType::f32, DType::f64, DType::bf16, DType::u8, DType::i64};
  for (const auto n : lengths) {
    const Tensor x = random_integers({n}, 100);
    for (const DType from : types) {
      for (const DType to : types) {
        INFO(name_of(from) << " to " << name_of(to) << ", " << n);
        // No negative numbers for u8; a fraction where there can be one.
        Tensor values = x.to(DType::f64);
        for (std::int64_t i = 0; i < n; ++i) {
          auto& value = values.data<double>()[i];
          value = std::abs(value) + 0.3;
        }
        const Tensor source = values.to(from);
        CHECK_SAME(on_device(source).to(to), source.to(to));
      }
    }
  }
}

TEST_CASE("fill and add") {
  for (const auto n : lengths) {
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      INFO(n << " " << name_of(dtype));
      if (dtype == DType::bf16 && !runs_here(dtype)) continue;
      const Tensor y = Tensor::full({n}, -2.5, dtype, test_device());
      CHECK_SAME(y, Tensor::full({n}, -2.5, dtype));
      const Tensor x = random_integers({n}, 9, dtype);
      accumulate(y, on_device(x));
      const Tensor expected = Tensor::full({n}, -2.5, DType::f64);
      accumulate(expected, x.to(DType::f64));
      CHECK_SAME(y, expected);
    }
  }
}
