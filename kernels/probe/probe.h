// SPDX-License-Identifier: MIT
// What a device can do at most: work without memory, and memory without work. The two lines of its
// roofline (Williams, Waterman, Patterson 2009) are measured with these.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.h"
#include "kernels/precision.h"

namespace telescope::kernels {

/// Chains of f32 multiply-adds in registers, on every unit of the device at once (on the CPU: every
/// thread, in the widest vectors), each `rounds` long. Overwrites *sum, on the device, with a
/// number that depends on all of them. Returns the FLOP done, two a multiply-add.
std::int64_t probe_multiply_add(const Stream& stream, std::int64_t rounds, float* sum);

/// Chains of small matrix products on the tensor cores, by mma.sync and in registers, sums in f32:
/// what the kernels here can reach (Hopper's wgmma, which they do not use, goes beyond). `precision`
/// of the factors is tf32 or bf16; Error for fp32, and on the CPU. Returns the FLOP done.
std::int64_t probe_products(const Stream& stream, Precision precision, std::int64_t rounds,
                            float* sum);

/// to[i] = from[i], i < bytes, which do not overlap. Moves 2 `bytes`.
void probe_copy(const Stream& stream, std::int64_t bytes, const std::byte* from, std::byte* to);

}  // namespace telescope::kernels
