// SPDX-License-Identifier: MIT
// Memory a CPU kernel needs while it runs: from the pool, so that the second call asks the system
// for nothing, and guarded in tests.
#pragma once

#include <cstdint>

#include "core/memory.h"

namespace telescope::kernels {

/// `n` uninitialised elements, aligned to 64 bytes.
template <class T>
class Workspace {
 public:
  explicit Workspace(std::int64_t n)
      : storage_(Storage::allocate(static_cast<std::size_t>(n) * sizeof(T), Device())) {}
  T* data() const { return reinterpret_cast<T*>(storage_.data()); }
  T& operator[](std::int64_t i) const { return data()[i]; }

 private:
  Storage storage_;
};

}  // namespace telescope::kernels
