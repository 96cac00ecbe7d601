// SPDX-License-Identifier: MIT
#include "core/memory_pool.h"

#include <algorithm>
#include <cstring>
#include <exception>
#include <utility>

#include "core/error.h"
#include "core/profile.h"

namespace telescope::detail {
namespace {

constexpr std::size_t page = 2 << 20;  // of the system, where it is generous; of a GPU
constexpr std::size_t most_bytes = std::size_t{1} << 62;  // that can be rounded up and counted
constexpr unsigned char guard_pattern = 0xA5;

std::size_t round_up(std::size_t bytes, std::size_t step) {
  return (bytes + step - 1) / step * step;
}

std::string mebibytes(std::int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

}  // namespace

MemoryPool::MemoryPool(DeviceRuntime& runtime, bool guards)
    : runtime_(runtime),
      device_(runtime.info().device),
      policy_(runtime.block_policy()),
      guards_(guards) {}

std::byte* MemoryPool::allocate(std::size_t bytes, PrivateBlocks* owner) {
  const std::lock_guard lock(mutex_);
  if (bytes > most_bytes) out_of_memory(most_bytes);
  const std::size_t size = size_held(bytes);
  if (limit_ && use_.current + static_cast<std::int64_t>(size) > limit_) out_of_memory(bytes);
  std::byte* const data = find_block(size, owner);
  if (!data) out_of_memory(bytes);
  use_.current += static_cast<std::int64_t>(size);
  use_.peak = std::max(use_.peak, use_.current);
  return guards_ ? fence(data, bytes) : data;
}

std::byte* MemoryPool::find_block(std::size_t size, PrivateBlocks* owner) {
  if (!owner && !cuts()) return ask_system(size);
  BlockCache& cache = owner ? owner->cache : cache_;
  const auto take = [&] { return cuts() ? cache.take(size) : cache.take_whole(size); };
  if (std::byte* const data = take()) return data;
  const auto segment = find_segment(size, owner);
  if (!segment.data) return nullptr;
  cache.add_segment(segment.data, segment.size);
  if (owner) owner->bytes += static_cast<std::int64_t>(segment.size);
  return take();
}

// A private pool takes what everybody has left over before it asks the system.
BlockCache::Segment MemoryPool::find_segment(std::size_t size, PrivateBlocks* owner) {
  if (owner && cuts()) {
    if (const auto segment = cache_.remove_segment(size); segment.data) return segment;
  }
  const std::size_t asked = cuts() && size >= BlockCache::long_block ? round_up(size, page) : size;
  std::byte* data = ask_system(asked);
  if (!data && !runtime_.capturing(runtime_.stream())) {  // giving back would wait for the device
    release_cached();
    data = ask_system(asked);
  }
  return {data, asked};
}

void MemoryPool::free(std::byte* data, std::size_t bytes, std::string_view operation,
                      PrivateBlocks* owner) noexcept {
  const std::lock_guard lock(mutex_);
  const std::size_t size = size_held(bytes);
  use_.current -= static_cast<std::int64_t>(size);
  if (guards_) check_fence(data, bytes, operation);
  std::byte* const block = data - fence_before();
  if (owner && owner->open) {
    owner->cache.put(block);  // also with guards: a graph may know the address
  } else if (cuts()) {
    cache_.put(block);
  } else {
    give_back(block, size);
  }
}

void MemoryPool::close(PrivateBlocks& blocks) noexcept {
  const std::lock_guard lock(mutex_);
  blocks.open = false;
  if (cuts()) return cache_.take_over(blocks.cache);
  blocks.cache.remove_free_segments([this](const auto& s) { give_back(s.data, s.size); });
}

std::int64_t MemoryPool::bytes_of(const PrivateBlocks& blocks) {
  const std::lock_guard lock(mutex_);
  return blocks.bytes;
}

MemoryUse MemoryPool::use() {
  const std::lock_guard lock(mutex_);
  return use_;
}
void MemoryPool::reset_peak() {
  const std::lock_guard lock(mutex_);
  use_.peak = use_.current;
}
void MemoryPool::trim() {
  const std::lock_guard lock(mutex_);
  release_cached();
}
void MemoryPool::set_limit(std::int64_t bytes) {
  const std::lock_guard lock(mutex_);
  limit_ = bytes;
}
void MemoryPool::check_guards_can_be(bool on) {
  const std::lock_guard lock(mutex_);
  TELESCOPE_CHECK(on == guards_ || use_.current == 0, "memory guards",
                  "must be set before the first allocation, {} are in use",
                  mebibytes(use_.current));
}
void MemoryPool::set_guards(bool on) {
  const std::lock_guard lock(mutex_);
  release_cached();
  guards_ = on;
}
std::string MemoryPool::take_violation() {
  const std::lock_guard lock(mutex_);
  return std::exchange(violation_, {});
}

std::size_t MemoryPool::inner_size(std::size_t bytes) const {
  return round_up(std::max<std::size_t>(bytes, 1), policy_.granularity);
}

std::size_t MemoryPool::size_held(std::size_t bytes) const {
  return inner_size(bytes) + (guards_ ? policy_.fence_before + policy_.fence_behind : 0);
}

std::byte* MemoryPool::ask_system(std::size_t size) {
  std::byte* const data = runtime_.allocate(size);
  if (data) {
    ++use_.system_calls;
    use_.reserved += static_cast<std::int64_t>(size);
  }
  return data;
}

void MemoryPool::give_back(std::byte* data, std::size_t size) noexcept {
  runtime_.free(data, size);
  use_.reserved -= static_cast<std::int64_t>(size);
}

void MemoryPool::release_cached() noexcept {
  cache_.remove_free_segments([this](const auto& s) { give_back(s.data, s.size); });
}

void MemoryPool::out_of_memory(std::size_t bytes) const {
  const auto operation = Scope::current();
  raise_failure("out of memory",
                "{} asked for {} on {}, {} are in use{}; a smaller batch, image size or network "
                "needs less",
                operation.empty() ? "an allocation" : operation,
                mebibytes(static_cast<std::int64_t>(bytes)), device_.str(), mebibytes(use_.current),
                limit_ ? " of a limit of " + mebibytes(limit_) : std::string());
}

std::byte* MemoryPool::fence(std::byte* data, std::size_t bytes) {
  const Stream stream = runtime_.stream();
  std::byte* const inside = data + policy_.fence_before;
  const std::size_t behind = inner_size(bytes) - bytes + policy_.fence_behind;
  runtime_.fill(data, guard_pattern, policy_.fence_before, stream);
  runtime_.fill(inside, 0xFF, bytes, stream);  // NaN as f32, f64 and bf16
  runtime_.fill(inside + bytes, guard_pattern, behind, stream);
  return inside;
}

bool MemoryPool::clean(const std::byte* data, std::size_t bytes) {
  const auto is_pattern = [](std::byte b) { return b == std::byte{guard_pattern}; };
  if (device_.is_cpu()) return std::all_of(data, data + bytes, is_pattern);
  std::vector<std::byte> copy(bytes);
  runtime_.copy(copy.data(), data, bytes, CopyKind::to_host, runtime_.stream());
  return std::all_of(copy.begin(), copy.end(), is_pattern);
}

void MemoryPool::check_fence(const std::byte* inside, std::size_t bytes,
                             std::string_view operation) noexcept {
  try {
    if (!violation_.empty() || runtime_.capturing(runtime_.stream())) return;
    const bool before = clean(inside - policy_.fence_before, policy_.fence_before);
    const bool after = clean(inside + bytes, inner_size(bytes) - bytes + policy_.fence_behind);
    if (before && after) return;
    violation_ = fmt::format("something wrote {} a block of {} bytes allocated in '{}'{}",
                             before ? "behind" : "before", bytes, operation,
                             device_.is_cpu() ? "" : " on " + device_.str());
  } catch (const std::exception& error) {
    violation_ = fmt::format("a block allocated in '{}' on {} could not be checked: {}", operation,
                             device_.str(), error.what());
  }
}

}  // namespace telescope::detail
