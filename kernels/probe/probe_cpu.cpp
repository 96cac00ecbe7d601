// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/probe/probe_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <cstring>
#include <vector>

#include "core/error.h"
#include "core/parallel.h"
#include "kernels/probe/probe.h"
#include "kernels/simd.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// Twelve chains: two multiply-adds a cycle with a latency of four to six keep so many in flight,
// and they fit into the sixteen registers of AVX2. x -> x/2 + 1/2 stays near 1, never denormal.
float multiply_add_chains(std::int64_t rounds) {
  const hn::ScalableTag<float> d;
  const auto half = hn::Set(d, 0.5f);
  auto a = hn::Iota(d, 0.0f), b = hn::Iota(d, 1.0f), c = hn::Iota(d, 2.0f);
  auto e = hn::Iota(d, 3.0f), f = hn::Iota(d, 4.0f), g = hn::Iota(d, 5.0f);
  auto h = hn::Iota(d, 6.0f), i = hn::Iota(d, 7.0f), j = hn::Iota(d, 8.0f);
  auto k = hn::Iota(d, 9.0f), l = hn::Iota(d, 10.0f), m = hn::Iota(d, 11.0f);
  for (std::int64_t round = 0; round < rounds; ++round) {
    a = hn::MulAdd(a, half, half);
    b = hn::MulAdd(b, half, half);
    c = hn::MulAdd(c, half, half);
    e = hn::MulAdd(e, half, half);
    f = hn::MulAdd(f, half, half);
    g = hn::MulAdd(g, half, half);
    h = hn::MulAdd(h, half, half);
    i = hn::MulAdd(i, half, half);
    j = hn::MulAdd(j, half, half);
    k = hn::MulAdd(k, half, half);
    l = hn::MulAdd(l, half, half);
    m = hn::MulAdd(m, half, half);
  }
  const auto abc = hn::Add(a, hn::Add(b, c)), efg = hn::Add(e, hn::Add(f, g));
  const auto hij = hn::Add(h, hn::Add(i, j)), klm = hn::Add(k, hn::Add(l, m));
  const auto all = hn::Add(hn::Add(abc, efg), hn::Add(hij, klm));
  return hn::GetLane(hn::SumOfLanes(d, all));
}

// FLOP of one round of all chains.
std::int64_t flop_per_round() {
  const hn::ScalableTag<float> d;
  return std::int64_t{2 * 12} * static_cast<std::int64_t>(hn::Lanes(d));
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

std::int64_t probe_multiply_add(const Stream&, std::int64_t rounds, float* sum) {
  const std::int64_t threads = thread_count();
  std::vector<float> sums(static_cast<std::size_t>(threads));
  parallel_for(threads, 1, [&](std::int64_t begin, std::int64_t end) {
    for (; begin < end; ++begin) {
      sums[static_cast<std::size_t>(begin)] = TELESCOPE_SIMD(multiply_add_chains)(rounds);
    }
  });
  *sum = 0;
  for (const float part : sums) *sum += part;
  return rounds * threads * TELESCOPE_SIMD(flop_per_round)();
}

std::int64_t probe_products(const Stream&, Precision, std::int64_t, float*) {
  raise("probe_products", "a CPU has no tensor cores");
}

void probe_copy(const Stream&, std::int64_t bytes, const std::byte* from, std::byte* to) {
  parallel_for(bytes, 1 << 20, [&](std::int64_t begin, std::int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<std::size_t>(end - begin));
  });
}

}  // namespace telescope::kernels::cpu
#endif
