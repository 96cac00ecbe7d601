// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "core/memory.h"

namespace telescope::kernels::cpu {

/// Uninitialised elements from the pool, for as long as it lives.
template <class T>
class Scratch {
 public:
  explicit Scratch(std::int64_t elements)
      : storage_(Storage::allocate(static_cast<std::size_t>(elements) * sizeof(T), Device())) {}
  T* data() const { return reinterpret_cast<T*>(storage_.data()); }

 private:
  Storage storage_;
};

}  // namespace telescope::kernels::cpu
