// SPDX-License-Identifier: MIT
// Device memory: shared blocks from a pool that keeps what is freed and cuts it anew, so that a
// training step in steady state asks the system for nothing, and all meshes share the memory of the
// largest.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/device.h"

namespace telescope {

namespace detail {
struct Block;
struct PrivateBlocks;
}  // namespace detail

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

/// Blocks that nobody else gets: what a captured graph needs, whose kernels know their addresses.
/// What is allocated under a PrivatePoolScope belongs to the pool, and returns to it when freed;
/// the pool's end gives all of it back to the device (blocks still in use, when they are freed).
class PrivatePool {
 public:
  explicit PrivatePool(Device device);
  ~PrivatePool();
  PrivatePool(const PrivatePool&) = delete;
  PrivatePool& operator=(const PrivatePool&) = delete;

  const Device& device() const { return device_; }
  std::int64_t bytes() const;  ///< held for its allocations, in use or not

 private:
  friend class PrivatePoolScope;
  Device device_;
  std::shared_ptr<detail::PrivateBlocks> blocks_;
};

/// While one is alive, what this thread allocates on the pool's device comes from the pool. They
/// nest; the innermost of a device counts. The pool must outlive it.
class PrivatePoolScope {
 public:
  explicit PrivatePoolScope(const PrivatePool& pool);
  ~PrivatePoolScope();
  PrivatePoolScope(const PrivatePoolScope&) = delete;
  PrivatePoolScope& operator=(const PrivatePoolScope&) = delete;

 private:
  friend class Storage;
  std::shared_ptr<detail::PrivateBlocks> find(const Device& device) const;

  const PrivatePool& pool_;
  const PrivatePoolScope* outer_;
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
/// Blocks are looked at when they are freed.
void check_memory_guards();

}  // namespace telescope
