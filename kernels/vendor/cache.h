// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>

namespace telescope::kernels {

/// What a vendor's library prepared for a shape, kept for the next call of the same shape: choosing
/// an algorithm takes longer than a small convolution. For one thread.
template <class Prepared, std::size_t numbers>
class PreparedCache {
 public:
  using Key = std::array<std::int64_t, numbers>;

  /// make() is called where `key` is new. The reference holds until the next call.
  template <class Make>
  const Prepared& get(const Key& key, const Make& make) {
    const auto known = prepared_.find(key);
    if (known != prepared_.end()) return known->second;
    if (prepared_.size() == most) prepared_.clear();  // shapes that never come back
    return prepared_.emplace(key, make()).first->second;
  }

 private:
  static constexpr std::size_t most = 1024;
  std::map<Key, Prepared> prepared_;
};

}  // namespace telescope::kernels
