// SPDX-License-Identifier: MIT
#include "kernels/probe/probe.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

namespace cpu {
std::int64_t probe_multiply_add(std::int64_t rounds, float* sum);
void probe_copy(std::int64_t bytes, const std::byte* from, std::byte* to);
}  // namespace cpu

// A probe is nobody's work: it is not counted.
std::int64_t probe_multiply_add(const Stream& stream, std::int64_t rounds, float* sum) {
  const Scope scope("probe_multiply_add");
  std::int64_t flop = 0;
  on_device(stream, "probe", [&] { flop = cpu::probe_multiply_add(rounds, sum); });
  return flop;
}

void probe_copy(const Stream& stream, std::int64_t bytes, const std::byte* from, std::byte* to) {
  const Scope scope("probe_copy");
  on_device(stream, "probe", [&] { cpu::probe_copy(bytes, from, to); });
}

}  // namespace telescope::kernels
