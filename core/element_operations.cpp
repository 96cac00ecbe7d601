// SPDX-License-Identifier: MIT
#include "core/element_operations.h"

#include <array>
#include <atomic>

#include "core/error.h"

namespace telescope {
namespace {

struct Entry {
  ElementOperations operations;
  std::atomic<bool> registered{false};
};
Entry& entry_of(DeviceType type) {
  static std::array<Entry, 3> entries;
  return entries.at(static_cast<std::size_t>(type));
}

}  // namespace

void register_element_operations(DeviceType type, const ElementOperations& operations) {
  Entry& entry = entry_of(type);
  entry.operations = operations;
  entry.registered = true;
}

const ElementOperations* find_element_operations(DeviceType type) {
  Entry& entry = entry_of(type);
  return entry.registered ? &entry.operations : nullptr;
}

const ElementOperations& element_operations(const Device& device, std::string_view operation) {
  const ElementOperations* const operations = find_element_operations(device.type);
  TELESCOPE_CHECK(operations, operation, "this program has no elementwise kernels for {}",
                  device.str());
  return *operations;
}

}  // namespace telescope
