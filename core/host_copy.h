// SPDX-License-Identifier: MIT
// Reading from a device without stopping it.
#pragma once

#include <memory>
#include <vector>

#include "core/event.h"
#include "core/tensor.h"

namespace telescope {

/// The elements of a tensor as they are when the stream gets here; nothing waits before values().
///   HostCopy losses(batch_losses);   // ... more work for the device ...
///   for (double loss : losses.values<float>()) ...
class HostCopy {
 public:
  HostCopy() = default;  ///< of nothing
  explicit HostCopy(const Tensor& source);
  /// Waits until the copy is there. Error if the elements are not of type T.
  template <class T>
  std::vector<T> values() const;

 private:
  std::shared_ptr<std::byte> data_;  // page-locked on CUDA devices
  std::int64_t count_ = 0;
  DType dtype_ = DType::f32;
  Event arrived_;
};

}  // namespace telescope
