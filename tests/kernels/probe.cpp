// SPDX-License-Identifier: MIT
#include "kernels/probe/probe.h"

#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "core/profile.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

namespace {
// What a probe leaves in *sum.
template <class F>
double sum_of(const F& f) {
  const Tensor sum = Tensor::full({1}, 7).to(test_device());
  f(sum.data<float>());
  return sum.item();
}
}  // namespace

TEST_CASE("the chains are as long as they say") {
  // x -> x/2 + 1/2 leaves x = 1 in place and halves the distance to it.
  std::int64_t flop = 0;
  const auto after = [&](std::int64_t rounds) {
    return sum_of(
        [&](float* sum) { flop = kernels::probe_multiply_add(test_stream(), rounds, sum); });
  };
  const double none = after(0);
  CHECK(flop == 0);
  const double one = after(1);
  const std::int64_t numbers = flop / 2;  // of all chains on all threads
  CHECK(numbers % (12 * (test_device().is_cpu() ? thread_count() : 256)) == 0);
  const double many = after(300);
  CHECK(flop == 600 * numbers);
  CHECK(many == static_cast<float>(numbers));
  CHECK(std::fabs(one - many - (none - many) / 2) <= 1e-6 * none);
  CHECK(none > many);
}

TEST_CASE("products on tensor cores add up, round by round") {
  using kernels::Precision;
  if (test_device().is_cpu()) {
    CHECK(error_of([] { kernels::probe_products(Stream(), Precision::tf32, 1, nullptr); }) ==
          "probe_products: a CPU has no tensor cores");
    return;
  }
  CHECK(error_of([] { kernels::probe_products(test_stream(), Precision::fp32, 1, nullptr); }) ==
        "probe_products: tensor cores multiply tf32 and bf16, got fp32");
  for (const Precision precision : {Precision::tf32, Precision::bf16}) {
    std::int64_t flop = 0;
    const auto after = [&](std::int64_t rounds) {
      return sum_of([&](float* sum) {
        flop = kernels::probe_products(test_stream(), precision, rounds, sum);
      });
    };
    CHECK(after(0) == 0);
    CHECK(flop == 0);
    const double one = after(1);
    const std::int64_t products = flop / 2;
    // Every product of two factors in [1, 2) is in [1, 4).
    CHECK(one > 1.0 * static_cast<double>(products));
    CHECK(one < 4.0 * static_cast<double>(products));
    CHECK(std::fabs(after(7) - 7 * one) <= 1e-5 * 7 * one);
    CHECK(flop == 14 * products);
  }
}

TEST_CASE("the copy copies, and a probe is not counted as work") {
  const Work before = work_done();
  for (const std::int64_t n : {0, 1, 65, (3 << 18) + 7}) {
    for (const std::int64_t offset : {0, 3}) {  // 3: no packs
      std::vector<std::uint8_t> bytes(static_cast<std::size_t>(n + offset + 1));
      for (std::size_t i = 0; i < bytes.size(); ++i) {
        bytes[i] = static_cast<std::uint8_t>(1 + i * 31 % 251);
      }
      const Tensor from = on_device(Tensor::from(bytes, {n + offset + 1}));
      const Tensor to = zeros_on_device({n + offset + 1}, DType::u8);
      kernels::probe_copy(test_stream(), n, from.raw() + offset, to.raw() + offset);
      for (std::int64_t i = 0; i <= n + offset; ++i) {
        if (i < offset || i == n + offset) bytes[static_cast<std::size_t>(i)] = 0;
      }
      CHECK(to.to_vector<std::uint8_t>() == bytes);
    }
  }
  CHECK((work_done() - before).flop == 0);
  CHECK((work_done() - before).bytes == 0);
}
