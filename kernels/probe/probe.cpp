// SPDX-License-Identifier: MIT
#include "kernels/probe/probe.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(std::int64_t probe_multiply_add(const Stream& stream, std::int64_t rounds,
                                                          float* sum);
                          std::int64_t probe_products(const Stream& stream, Precision precision,
                                                      std::int64_t rounds, float* sum);
                          void probe_copy(const Stream& stream, std::int64_t bytes,
                                          const std::byte* from, std::byte* to);)

// A probe is nobody's work: it is not counted.
std::int64_t probe_multiply_add(const Stream& stream, std::int64_t rounds, float* sum) {
  const Scope scope("probe_multiply_add");
  TELESCOPE_CALL_ON_DEVICE(stream, probe_multiply_add, rounds, sum);
}

std::int64_t probe_products(const Stream& stream, Precision precision, std::int64_t rounds,
                            float* sum) {
  const Scope scope("probe_products");
  TELESCOPE_CHECK(precision != Precision::fp32, "probe_products",
                  "tensor cores multiply tf32 and bf16, got fp32");
  TELESCOPE_CALL_ON_DEVICE(stream, probe_products, precision, rounds, sum);
}

void probe_copy(const Stream& stream, std::int64_t bytes, const std::byte* from, std::byte* to) {
  const Scope scope("probe_copy");
  TELESCOPE_CALL_ON_DEVICE(stream, probe_copy, bytes, from, to);
}

}  // namespace telescope::kernels
