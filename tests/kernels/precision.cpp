// SPDX-License-Identifier: MIT
#include "kernels/precision.h"

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Precision;

TEST_CASE("precisions have names, and one is set") {
  for (const Precision p : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    CHECK(kernels::parse_precision(name_of(p)) == p);
  }
  CHECK(error_of([] { kernels::parse_precision("fp16"); }) ==
        "precision: expected fp32, tf32 or bf16, got 'fp16'");
  CHECK(kernels::precision() == Precision::tf32);
  kernels::set_precision(Precision::fp32);
  CHECK(kernels::precision() == Precision::fp32);
  kernels::set_precision(Precision::tf32);
}
