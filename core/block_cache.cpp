// SPDX-License-Identifier: MIT
#include "core/block_cache.h"

#include <iterator>

namespace telescope::detail {
namespace {

// Whether a block of `size` may be cut from one of `whole`.
bool suits(std::size_t size, std::size_t whole) {
  return size >= BlockCache::long_block || whole < 16 * BlockCache::long_block;
}

}  // namespace

void BlockCache::add_segment(std::byte* data, std::size_t size) {
  blocks_[data] = {.size = size, .free = true, .first = true};
  free_.emplace(size, data);
}

std::byte* BlockCache::take(std::size_t size) {
  const auto found = free_.lower_bound({size, nullptr});
  if (found == free_.end() || !suits(size, found->first)) return nullptr;
  return use(blocks_.find(found->second), size);
}

std::byte* BlockCache::take_whole(std::size_t size) {
  const auto found = free_.lower_bound({size, nullptr});
  if (found == free_.end() || found->first != size) return nullptr;
  return use(blocks_.find(found->second), size);
}

std::byte* BlockCache::use(Blocks::iterator block, std::size_t size) {
  const auto [data, whole] = std::pair(block->first, block->second.size);
  free_.erase({whole, data});
  block->second.free = false;
  block->second.size = size;
  if (whole > size) {
    blocks_.emplace_hint(std::next(block), data + size, Block{whole - size, true, false});
    free_.emplace(whole - size, data + size);
  }
  return data;
}

void BlockCache::put(std::byte* data) noexcept {
  auto block = blocks_.find(data);
  const auto join = [this](Blocks::iterator left, Blocks::iterator right) {
    free_.erase({right->second.size, right->first});
    left->second.size += right->second.size;
    blocks_.erase(right);
  };
  if (const auto next = std::next(block);
      next != blocks_.end() && next->second.free && !next->second.first) {
    join(block, next);
  }
  if (!block->second.first && std::prev(block)->second.free) {
    const auto previous = std::prev(block);
    free_.erase({previous->second.size, previous->first});
    join(previous, block);
    block = previous;
  }
  block->second.free = true;
  free_.emplace(block->second.size, block->first);
}

bool BlockCache::is_segment(Blocks::const_iterator block) const {
  const auto next = std::next(block);
  return block->second.first && (next == blocks_.end() || next->second.first);
}

void BlockCache::remove(Blocks::iterator block) {
  free_.erase({block->second.size, block->first});
  blocks_.erase(block);
}

BlockCache::Segment BlockCache::remove_segment(std::size_t size) {
  for (auto found = free_.lower_bound({size, nullptr}); found != free_.end(); ++found) {
    const auto block = blocks_.find(found->second);
    if (!is_segment(block) || !suits(size, found->first)) continue;
    const Segment segment{block->first, block->second.size};
    remove(block);
    return segment;
  }
  return {};
}

void BlockCache::remove_free_segments(
    const std::function<void(const Segment&)>& give_back) noexcept {
  for (auto block = blocks_.begin(); block != blocks_.end();) {
    const auto next = std::next(block);
    if (block->second.free && is_segment(block)) {
      give_back({block->first, block->second.size});
      remove(block);
    }
    block = next;
  }
}

void BlockCache::take_over(BlockCache& other) {
  blocks_.merge(other.blocks_);
  free_.merge(other.free_);
}

}  // namespace telescope::detail
