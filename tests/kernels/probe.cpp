// SPDX-License-Identifier: MIT
#include "kernels/probe/probe.h"

#include <vector>

#include "core/parallel.h"
#include "core/profile.h"
#include "support/compare.h"

using namespace telescope;

TEST_CASE("the chains are as long as they say") {
  // x -> x/2 + 1/2 leaves x = 1 in place and halves the distance to it.
  float none = 0, one = 0, many = 0;
  CHECK(kernels::probe_multiply_add(Stream(), 0, &none) == 0);
  const std::int64_t flop = kernels::probe_multiply_add(Stream(), 1, &one);
  CHECK(kernels::probe_multiply_add(Stream(), 300, &many) == 300 * flop);
  const std::int64_t numbers = flop / 2;  // of all chains on all threads
  CHECK(numbers % (12 * thread_count()) == 0);
  CHECK(many == static_cast<float>(numbers));
  CHECK(one - many == (none - many) / 2);
  CHECK(none > many);
}

TEST_CASE("the copy copies, and a probe is not counted as work") {
  const Work before = work_done();
  for (const std::int64_t n : {0, 1, 65, (3 << 20) + 7}) {
    std::vector<std::byte> from(static_cast<std::size_t>(n)), to(from.size() + 1);
    for (std::size_t i = 0; i < from.size(); ++i) from[i] = static_cast<std::byte>(i * 31 % 251);
    kernels::probe_copy(Stream(), n, from.data(), to.data());
    CHECK(std::equal(from.begin(), from.end(), to.begin()));
    CHECK(to.back() == std::byte{0});
  }
  CHECK((work_done() - before).flop == 0);
  CHECK((work_done() - before).bytes == 0);
}
