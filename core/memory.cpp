// SPDX-License-Identifier: MIT
#include "core/memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/profile.h"

namespace telescope {
namespace {

constexpr std::size_t alignment = 64;
constexpr std::size_t guard_bytes = 256;
constexpr std::size_t most_bytes = std::size_t{1} << 62;  // that can be rounded up and counted
constexpr unsigned char guard_pattern = 0xA5;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool caching = false;  // so that the sanitizer sees every use after free
#else
constexpr bool caching = true;
#endif

// Sizes are rounded up to eighths of a power of two: at most an eighth is wasted.
std::size_t bucket_size(std::size_t bytes) {
  bytes = std::max(bytes, alignment);
  const std::size_t step = std::max(std::bit_floor(bytes) / 8, alignment);
  return (bytes + step - 1) / step * step;
}

std::string mebibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

class CpuPool {
 public:
  static CpuPool& instance() {
    static CpuPool* pool = new CpuPool;  // never destroyed: tensors may outlive static objects
    return *pool;
  }

  std::byte* allocate(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    if (bytes > most_bytes) out_of_memory(most_bytes);
    const std::size_t size = size_held(bytes);
    if (limit_ && use_.current + static_cast<std::int64_t>(size) > limit_) out_of_memory(bytes);
    std::byte* data = take_cached(size);
    if (!data) data = ask_system(size);
    if (!data) {
      release_cached();
      data = ask_system(size);
    }
    if (!data) out_of_memory(bytes);
    use_.current += static_cast<std::int64_t>(size);
    use_.peak = std::max(use_.peak, use_.current);
    return guards_ ? fence(data, bytes) : data;
  }

  void free(std::byte* data, std::size_t bytes, std::string_view operation) noexcept {
    const std::lock_guard lock(mutex_);
    const std::size_t size = size_held(bytes);
    use_.current -= static_cast<std::int64_t>(size);
    if (guards_) data = unfence(data, bytes, operation);
    if (caching && !guards_) {
      cache_[size].push_back(data);
    } else {
      give_back(data, size);
    }
  }

  MemoryUse use() {
    const std::lock_guard lock(mutex_);
    return use_;
  }
  void reset_peak() {
    const std::lock_guard lock(mutex_);
    use_.peak = use_.current;
  }
  void trim() {
    const std::lock_guard lock(mutex_);
    release_cached();
  }
  void set_limit(std::int64_t bytes) {
    const std::lock_guard lock(mutex_);
    limit_ = bytes;
  }
  void set_guards(bool on) {
    const std::lock_guard lock(mutex_);
    TELESCOPE_CHECK(on == guards_ || use_.current == 0, "memory guards",
                    "must be set before the first allocation, {} are in use",
                    mebibytes(use_.current));
    release_cached();
    guards_ = on;
  }
  void check_guards() {
    const std::lock_guard lock(mutex_);
    if (!violation_.empty()) {
      const std::string text = std::exchange(violation_, {});
      raise_failure("memory guards", "{}", text);
    }
  }

 private:
  CpuPool() {
    const char* guards = std::getenv("TELESCOPE_MEMORY_GUARDS");
    guards_ = guards && std::string_view(guards) == "1";
  }

  std::size_t size_held(std::size_t bytes) const {
    return bucket_size(bytes) + (guards_ ? 2 * guard_bytes : 0);
  }

  std::byte* take_cached(std::size_t size) {
    const auto entry = cache_.find(size);
    if (entry == cache_.end() || entry->second.empty()) return nullptr;
    std::byte* data = entry->second.back();
    entry->second.pop_back();
    return data;
  }

  std::byte* ask_system(std::size_t size) {
    auto* data =
        static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}, std::nothrow));
    if (data) {
      ++use_.system_calls;
      use_.reserved += static_cast<std::int64_t>(size);
    }
    return data;
  }

  void give_back(std::byte* data, std::size_t size) noexcept {
    ::operator delete (data, std::align_val_t{alignment});
    use_.reserved -= static_cast<std::int64_t>(size);
  }

  void release_cached() noexcept {
    for (auto& [size, blocks] : cache_) {
      for (std::byte* data : blocks) give_back(data, size);
    }
    cache_.clear();
  }

  [[noreturn]] void out_of_memory(std::size_t bytes) const {
    const auto operation = Scope::current();
    raise_failure("out of memory",
                  "{} asked for {} on cpu, {} are in use{}; a smaller batch, image size or network "
                  "needs less",
                  operation.empty() ? "an allocation" : operation,
                  mebibytes(static_cast<std::int64_t>(bytes)), mebibytes(use_.current),
                  limit_ ? " of a limit of " + mebibytes(limit_) : std::string());
  }

  static std::byte* fence(std::byte* data, std::size_t bytes) {
    std::byte* inside = data + guard_bytes;
    std::memset(data, guard_pattern, guard_bytes);
    std::memset(inside, 0xFF, bytes);  // NaN as f32, f64 and bf16
    std::memset(inside + bytes, guard_pattern, bucket_size(bytes) - bytes + guard_bytes);
    return inside;
  }

  std::byte* unfence(std::byte* inside, std::size_t bytes, std::string_view operation) noexcept {
    const auto clean = [](const std::byte* p, std::size_t n) {
      return std::all_of(p, p + n, [](std::byte b) { return b == std::byte{guard_pattern}; });
    };
    const bool before = clean(inside - guard_bytes, guard_bytes);
    const bool after = clean(inside + bytes, bucket_size(bytes) - bytes + guard_bytes);
    if (!(before && after) && violation_.empty()) {
      violation_ = fmt::format("something wrote {} a block of {} bytes allocated in '{}'",
                               before ? "behind" : "before", bytes, operation);
    }
    return inside - guard_bytes;
  }

  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<std::byte*>> cache_;
  MemoryUse use_;
  std::int64_t limit_ = 0;
  bool guards_ = false;
  std::string violation_;
};

void need_cpu(const Device& device) {
  TELESCOPE_CHECK(device.is_cpu(), "memory", "this build cannot allocate on {}", device.str());
}

}  // namespace

namespace detail {
struct Block {
  std::byte* data = nullptr;
  std::size_t bytes = 0;
  Device device;
  std::string_view operation;         // that allocated it: scopes are named by literals
  std::shared_ptr<const void> owner;  // set if the memory is borrowed

  Block() = default;
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  ~Block() {
    if (data && !owner) CpuPool::instance().free(data, bytes, operation);
  }
};
}  // namespace detail

Storage Storage::allocate(std::size_t bytes, Device device) {
  need_cpu(device);
  Storage storage;
  storage.block_ = std::make_shared<detail::Block>();
  auto& block = *storage.block_;
  block.data = CpuPool::instance().allocate(bytes);
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

MemoryUse memory_use(Device device) {
  need_cpu(device);
  return CpuPool::instance().use();
}
void reset_peak_memory(Device device) {
  need_cpu(device);
  CpuPool::instance().reset_peak();
}
void release_cached_memory(Device device) {
  need_cpu(device);
  CpuPool::instance().trim();
}
void set_memory_limit(std::int64_t bytes, Device device) {
  need_cpu(device);
  CpuPool::instance().set_limit(bytes);
}
void set_memory_guards(bool on) { CpuPool::instance().set_guards(on); }
void check_memory_guards() { CpuPool::instance().check_guards(); }

}  // namespace telescope
