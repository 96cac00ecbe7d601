// SPDX-License-Identifier: MIT
// Where a validated, counted call meets the code of its stream's device.
#pragma once

#include <string_view>

#include "core/device.h"
#include "core/error.h"

namespace telescope::kernels {

/// Runs `cpu` if the stream is on the CPU; Error for a device that has no such kernel.
template <class Cpu>
void on_device(const Stream& stream, std::string_view operation, Cpu&& cpu) {
  if (stream.device().is_cpu()) return cpu();
  raise(operation, "no kernel for the device {}", stream.device().str());
}

}  // namespace telescope::kernels
