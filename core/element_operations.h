// SPDX-License-Identifier: MIT
// The three elementwise computations that tensors and the tape need on a device. core/ computes
// them itself on the CPU; kernels/ registers them for the other devices.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope {

/// Addresses are of the device; n elements, in the order of the stream.
struct ElementOperations {
  /// y[i] = value, converted to `dtype`.
  void (*fill)(const Stream& stream, void* y, DType dtype, std::int64_t n, double value) = nullptr;
  /// y[i] = x[i]; floating-point to integer rounds towards zero.
  void (*convert)(const Stream& stream, const void* x, DType from, void* y, DType to,
                  std::int64_t n) = nullptr;
  /// y[i] += x[i], for f32, f64 and bf16.
  void (*add)(const Stream& stream, void* y, const void* x, DType dtype, std::int64_t n) = nullptr;
};

/// From then on used by all tensors on devices of that type; before any of them is computed on.
void register_element_operations(DeviceType type, const ElementOperations& operations);
/// Null if none were registered.
const ElementOperations* find_element_operations(DeviceType type);
/// Error that names `operation` if none were registered.
const ElementOperations& element_operations(const Device& device, std::string_view operation);

}  // namespace telescope
