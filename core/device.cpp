// SPDX-License-Identifier: MIT
#include "core/device.h"

#include "core/error.h"

namespace telescope {

std::string Device::str() const {
  switch (type) {
    case DeviceType::cpu:
      return "cpu";
    case DeviceType::cuda:
      return "cuda:" + std::to_string(index);
    case DeviceType::cuda_sim:
      return "cuda-sim";
  }
  return "?";
}

Device parse_device(std::string_view text) {
  if (text == "cpu" || text == "auto") return Device{};
  const bool known = text == "cuda" || text == "cuda-sim" || text.starts_with("cuda:");
  TELESCOPE_CHECK(!known, "device", "this build has no kernels for '{}'; it has cpu", text);
  raise("device", "expected cpu, cuda, cuda:<number>, cuda-sim or auto, got '{}'", text);
}

}  // namespace telescope
