// SPDX-License-Identifier: MIT
// Memory a kernel needs while it runs: from the pool, so that the second call asks the system for
// nothing, and guarded in tests.
#pragma once

#include <cstdint>

#include "core/memory.h"

namespace telescope::kernels {

/// `n` uninitialised elements on a device, aligned to 64 bytes. May go out of scope before the device
/// is done with them: whoever gets the memory next comes later on the stream.
template <class T>
class Workspace {
 public:
  explicit Workspace(std::int64_t n, const Device& device = {})
      : storage_(Storage::allocate(static_cast<std::size_t>(n) * sizeof(T), device)) {}
  T* data() const { return reinterpret_cast<T*>(storage_.data()); }
  /// On the CPU.
  T& operator[](std::int64_t i) const { return data()[i]; }

 private:
  Storage storage_;
};

}  // namespace telescope::kernels
