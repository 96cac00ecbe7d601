// SPDX-License-Identifier: MIT
#include "support/device.h"

#include <cstdlib>

namespace telescope::test {

Device test_device() {
  static const Device device = [] {
    const char* name = std::getenv("TELESCOPE_DEVICE");
    return name ? parse_device(name) : Device{};
  }();
  return device;
}

}  // namespace telescope::test
