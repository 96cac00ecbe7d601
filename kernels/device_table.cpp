// SPDX-License-Identifier: MIT
#include "kernels/device_table.h"

#include <map>
#include <mutex>
#include <string>

#include "core/tensor.h"

namespace telescope::kernels {

const std::byte* device_table(std::span<const std::byte> table, const Device& device) {
  static std::mutex mutex;
  // Never destroyed: devices may be gone by then.
  static auto& tables = *new std::map<std::string, Tensor, std::less<>>;
  std::string key = device.str() + ':';
  key.append(reinterpret_cast<const char*>(table.data()), table.size());
  const std::lock_guard lock(mutex);
  const auto [entry, fresh] = tables.try_emplace(std::move(key));
  if (fresh) {
    try {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(table.data());
      entry->second =
          Tensor::from(std::span(bytes, table.size()), {static_cast<std::int64_t>(table.size())})
              .to(device);
    } catch (...) {
      tables.erase(entry);
      throw;
    }
  }
  return entry->second.raw();
}

}  // namespace telescope::kernels
