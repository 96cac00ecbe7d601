// SPDX-License-Identifier: MIT
// Small tables that kernels read (stencils, taps), worked out on the host.
#pragma once

#include <span>

#include "core/memory.h"

namespace telescope::kernels {

/// The bytes of `table` in memory of `device`, aligned to 64 bytes. Copied once: asking again for
/// the same bytes gives the same memory, with no copy and nothing allocated, so that a step may be
/// captured after it has run once. Kept until the process ends. May be called from several threads
/// at once.
const std::byte* device_table(std::span<const std::byte> table, const Device& device);

template <class T>
const T* device_table(std::span<const T> table, const Device& device) {
  return reinterpret_cast<const T*>(device_table(std::as_bytes(table), device));
}

}  // namespace telescope::kernels
