// SPDX-License-Identifier: MIT
// One pool of memory blocks per device, for core/memory.cpp alone.
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "core/block_cache.h"
#include "core/device_runtime.h"
#include "core/memory.h"

namespace telescope::detail {

/// What a private pool holds; guarded by the mutex of the device's pool. Blocks share it: they may
/// outlive the private pool, which closes it.
struct PrivateBlocks {
  BlockCache cache;
  std::int64_t bytes = 0;  // of its segments
  bool open = true;
};

/// Keeps what is freed. A freed block is handed out again at once, also while work that uses it waits
/// in the device's stream: all work of a device is ordered by one stream, so whatever is given to the
/// new owner's block runs after it. (The model of PyTorch's allocator. cudaMallocAsync would do the
/// same, but a captured graph could not own its blocks.)
class MemoryPool {
 public:
  explicit MemoryPool(DeviceRuntime& runtime, bool guards);

  std::byte* allocate(std::size_t bytes, PrivateBlocks* owner);
  void free(std::byte* data, std::size_t bytes, std::string_view operation,
            PrivateBlocks* owner) noexcept;
  /// Gives what the private pool has cached to everybody; its other blocks follow when freed.
  void close(PrivateBlocks& blocks) noexcept;
  std::int64_t bytes_of(const PrivateBlocks& blocks);

  MemoryUse use();
  void reset_peak();
  void trim();
  void set_limit(std::int64_t bytes);
  /// Error if that changes anything while blocks are in use.
  void check_guards_can_be(bool on);
  void set_guards(bool on);
  /// What was found to be overwritten since the last call, "" if nothing.
  std::string take_violation();

 private:
  std::size_t fence_before() const { return guards_ ? policy_.fence_before : 0; }
  /// Whether blocks are cut from segments, rather than each a segment of its own.
  bool cuts() const { return policy_.cached && !guards_; }
  std::size_t inner_size(std::size_t bytes) const;
  std::size_t size_held(std::size_t bytes) const;
  std::byte* find_block(std::size_t size, PrivateBlocks* owner);
  BlockCache::Segment find_segment(std::size_t size, PrivateBlocks* owner);
  std::byte* ask_system(std::size_t size);
  void give_back(std::byte* data, std::size_t size) noexcept;
  void release_cached() noexcept;
  [[noreturn]] void out_of_memory(std::size_t bytes) const;
  std::byte* fence(std::byte* data, std::size_t bytes);
  void check_fence(const std::byte* inside, std::size_t bytes, std::string_view operation) noexcept;
  bool clean(const std::byte* data, std::size_t bytes);

  DeviceRuntime& runtime_;
  const Device device_;
  const BlockPolicy policy_;
  std::mutex mutex_;
  BlockCache cache_;
  MemoryUse use_;
  std::int64_t limit_ = 0;
  bool guards_ = false;
  std::string violation_;
};

/// The pool of a device, never destroyed: tensors may outlive static objects. Error where this
/// build or this machine lacks the device.
MemoryPool& pool_of(const Device& device);

}  // namespace telescope::detail
