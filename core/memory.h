// SPDX-License-Identifier: MIT
// Device memory: shared blocks from a pool that keeps what is freed, in buckets by size, so that a
// training step in steady state asks the system for nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/device.h"

namespace telescope {

namespace detail {
struct Block;
}

/// A handle to a block of memory; the block returns to the pool with its last handle.
class Storage {
 public:
  Storage() = default;
  /// Uninitialised, aligned to 64 bytes. Failure if there is no memory: says what was asked for, by
  /// which operation, what is in use, and what would help.
  static Storage allocate(std::size_t bytes, Device device);
  /// Memory owned by somebody else (a mapped file); `owner` is kept alive as long as it is used.
  static Storage borrow(void* data, std::size_t bytes, std::shared_ptr<const void> owner);

  std::byte* data() const;
  std::size_t bytes() const;
  Device device() const;
  long use_count() const { return block_.use_count(); }
  explicit operator bool() const { return block_ != nullptr; }
  friend bool operator==(const Storage&, const Storage&) = default;

 private:
  std::shared_ptr<detail::Block> block_;
};

/// Bytes in use now and at most, bytes held in all (in use and cached), and how often the system
/// was asked for memory.
struct MemoryUse {
  std::int64_t current = 0, peak = 0, reserved = 0, system_calls = 0;
};
MemoryUse memory_use(Device device = {});
/// Lets `peak` start again from what is in use now.
void reset_peak_memory(Device device = {});
/// Gives cached blocks back to the system.
void release_cached_memory(Device device = {});
/// Failure rather than more than `bytes` in use; 0 for no limit.
void set_memory_limit(std::int64_t bytes, Device device = {});

/// With guards on, a block is surrounded by a pattern and filled with NaN, and nothing is cached.
/// For tests; must be set before the first allocation. Also: TELESCOPE_MEMORY_GUARDS=1.
void set_memory_guards(bool on);
/// Failure if anything wrote outside a guarded block since the last check; names the operation.
void check_memory_guards();

}  // namespace telescope
