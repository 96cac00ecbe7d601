// SPDX-License-Identifier: MIT
#include "core/memory.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "core/error.h"
#include "core/memory_pool.h"
#include "core/profile.h"

namespace telescope {
namespace detail {

namespace {

// The pools of all devices, and what they have in common.
struct Pools {
  std::mutex mutex;
  std::map<std::pair<DeviceType, int>, MemoryPool*> by_device;
  bool guards = false;

  Pools() {
    const char* text = std::getenv("TELESCOPE_MEMORY_GUARDS");
    guards = text && std::string_view(text) == "1";
  }
  static Pools& instance() {
    static Pools* const pools = new Pools;
    return *pools;
  }
};

MemoryPool& find_pool(const Device& device) {
  DeviceRuntime& runtime = runtime_of(device);
  Pools& pools = Pools::instance();
  const std::lock_guard lock(pools.mutex);
  MemoryPool*& pool = pools.by_device[{device.type, device.index}];
  if (!pool) pool = new MemoryPool(runtime, pools.guards);
  return *pool;
}

}  // namespace

// Never destroyed: tensors may outlive static objects.
MemoryPool& pool_of(const Device& device) {
  static MemoryPool& cpu = find_pool(Device{});
  return device.is_cpu() ? cpu : find_pool(device);
}

struct Block {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  Device device;
  std::string_view operation;                     // that allocated it: scopes are named by literals
  MemoryPool* pool = nullptr;                     // null if the memory is borrowed
  std::shared_ptr<PrivateBlocks> private_blocks;  // of the private pool that it came from
  std::shared_ptr<const void> owner;              // of borrowed memory

  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    if (pool) pool->free(data, bytes, operation, private_blocks.get());
  }
};

}  // namespace detail

namespace {

thread_local const PrivatePoolScope* innermost_scope = nullptr;

}  // namespace

Storage Storage::allocate(std::size_t bytes, Device device) {
  detail::MemoryPool& pool = detail::pool_of(device);
  Storage storage;
  storage.block_ = std::make_shared<detail::Block>();
  auto& block = *storage.block_;
  if (innermost_scope) block.private_blocks = innermost_scope->find(device);
  block.data = pool.allocate(bytes, block.private_blocks.get());
  block.pool = &pool;
  block.bytes = bytes;
  block.device = device;
  block.operation = Scope::current();
  return storage;
}

Storage Storage::borrow(void* data, std::size_t bytes, std::shared_ptr<const void> owner) {
  TELESCOPE_CHECK(owner != nullptr, "memory", "borrowed memory needs an owner");
  Storage storage;
  storage.block_ = std::make_shared<detail::Block>();
  storage.block_->data = static_cast<std::byte*>(data);
  storage.block_->bytes = bytes;
  storage.block_->owner = std::move(owner);
  return storage;
}

std::byte* Storage::data() const { return block_ ? block_->data : nullptr; }
std::size_t Storage::bytes() const { return block_ ? block_->bytes : 0; }
Device Storage::device() const { return block_ ? block_->device : Device{}; }

PrivatePool::PrivatePool(Device device)
    : device_(device), blocks_(std::make_shared<detail::PrivateBlocks>()) {
  detail::pool_of(device);  // Error if there is no such device
}
PrivatePool::~PrivatePool() { detail::pool_of(device_).close(*blocks_); }
std::int64_t PrivatePool::bytes() const { return detail::pool_of(device_).bytes_of(*blocks_); }

PrivatePoolScope::PrivatePoolScope(const PrivatePool& pool) : pool_(pool), outer_(innermost_scope) {
  innermost_scope = this;
}
PrivatePoolScope::~PrivatePoolScope() { innermost_scope = outer_; }

std::shared_ptr<detail::PrivateBlocks> PrivatePoolScope::find(const Device& device) const {
  for (const PrivatePoolScope* scope = this; scope; scope = scope->outer_) {
    if (scope->pool_.device_ == device) return scope->pool_.blocks_;
  }
  return nullptr;
}

MemoryUse memory_use(Device device) { return detail::pool_of(device).use(); }
void reset_peak_memory(Device device) { detail::pool_of(device).reset_peak(); }
void release_cached_memory(Device device) { detail::pool_of(device).trim(); }
void set_memory_limit(std::int64_t bytes, Device device) {
  detail::pool_of(device).set_limit(bytes);
}

void set_memory_guards(bool on) {
  auto& pools = detail::Pools::instance();
  const std::lock_guard lock(pools.mutex);
  for (const auto& [device, pool] : pools.by_device) pool->check_guards_can_be(on);
  for (const auto& [device, pool] : pools.by_device) pool->set_guards(on);
  pools.guards = on;
}

void check_memory_guards() {
  auto& pools = detail::Pools::instance();
  const std::lock_guard lock(pools.mutex);
  std::string first;
  for (const auto& [device, pool] : pools.by_device) {
    std::string text = pool->take_violation();
    if (first.empty()) first = std::move(text);
  }
  if (!first.empty()) raise_failure("memory guards", "{}", first);
}

}  // namespace telescope
