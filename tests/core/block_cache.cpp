// SPDX-License-Identifier: MIT
#include "core/block_cache.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include "core/philox.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;
using detail::BlockCache;

namespace {

constexpr std::size_t mebibyte = 1 << 20;

// Addresses to cut: nothing is read or written there.
std::byte* at(std::uintptr_t address) { return reinterpret_cast<std::byte*>(address); }

std::size_t free_segments(BlockCache& cache) {
  std::size_t bytes = 0;
  cache.remove_free_segments([&](const BlockCache::Segment& segment) { bytes += segment.size; });
  return bytes;
}

}  // namespace

TEST_CASE("blocks are cut from a segment and join again") {
  BlockCache cache;
  cache.add_segment(at(mebibyte), mebibyte);
  std::byte* const a = cache.take(mebibyte / 4);
  std::byte* const b = cache.take(mebibyte / 2);
  std::byte* const c = cache.take(mebibyte / 4);
  CHECK(a == at(mebibyte));
  CHECK(b == a + mebibyte / 4);
  CHECK(c == b + mebibyte / 2);
  CHECK(cache.take(512) == nullptr);
  cache.put(a);
  cache.put(c);
  CHECK(cache.take(mebibyte / 2) == nullptr);  // they are no neighbours
  CHECK(free_segments(cache) == 0);
  cache.put(b);  // joins both
  CHECK(cache.take(mebibyte) == a);
  cache.put(a);
  CHECK(free_segments(cache) == mebibyte);
  CHECK(cache.take(512) == nullptr);
}

TEST_CASE("segments side by side do not join") {
  BlockCache cache;
  cache.add_segment(at(mebibyte), mebibyte);
  cache.add_segment(at(2 * mebibyte), mebibyte);
  CHECK(cache.take(2 * mebibyte) == nullptr);
  std::byte* const a = cache.take(mebibyte);
  std::byte* const b = cache.take(mebibyte);
  cache.put(b);
  cache.put(a);
  CHECK(cache.take(2 * mebibyte) == nullptr);
  CHECK(free_segments(cache) == 2 * mebibyte);
}

TEST_CASE("the smallest block that is long enough is taken, and short ones leave long ones whole") {
  BlockCache cache;
  cache.add_segment(at(16 * mebibyte), 8 * mebibyte);
  cache.add_segment(at(64 * mebibyte), 2 * mebibyte);
  CHECK(cache.take(mebibyte) == at(64 * mebibyte));
  CHECK(cache.take(BlockCache::long_block) == at(65 * mebibyte));
  CHECK(cache.take(512) == at(65 * mebibyte) + BlockCache::long_block);  // of what is left of it
  CHECK(cache.take(mebibyte) == at(16 * mebibyte));
  BlockCache other;
  other.add_segment(at(16 * mebibyte), mebibyte);
  CHECK(other.take(512) == nullptr);
  CHECK(other.remove_segment(512).data == nullptr);
  CHECK(other.take_whole(mebibyte / 2) == nullptr);
  CHECK(other.take_whole(mebibyte) == at(16 * mebibyte));
}

TEST_CASE("a segment leaves a cache when nothing of it is in use, and all leave with the cache") {
  BlockCache cache, other;
  cache.add_segment(at(mebibyte), mebibyte);
  cache.add_segment(at(4 * mebibyte), 4 * mebibyte);
  std::byte* const used = cache.take(mebibyte / 2);
  CHECK(cache.remove_segment(mebibyte / 2).data == at(4 * mebibyte));
  CHECK(cache.remove_segment(mebibyte / 2).data == nullptr);
  other.take_over(cache);
  CHECK(cache.take(512) == nullptr);
  CHECK(other.take(mebibyte / 2) == used + mebibyte / 2);
  other.put(used);
  other.put(used + mebibyte / 2);
  CHECK(free_segments(other) == mebibyte);
}

TEST_CASE("blocks in use never overlap, and all join in the end") {
  BlockCache cache;
  cache.add_segment(at(mebibyte), 4 * mebibyte);
  cache.add_segment(at(16 * mebibyte), 16 * mebibyte);
  struct Used {
    std::byte* data;
    std::size_t size;
  };
  std::vector<Used> used;
  RandomSequence random(RandomKey(1, "blocks"));
  for (int i = 0; i < 5000; ++i) {
    if (used.size() > 40 || (!used.empty() && random.below(2) == 0)) {
      const auto victim = used.begin() + random.below(static_cast<std::uint32_t>(used.size()));
      cache.put(victim->data);
      used.erase(victim);
      continue;
    }
    const std::size_t size = 512 * (1 + random.below(random.below(2) == 0 ? 100 : 3000));
    std::byte* const data = cache.take(size);
    if (data == nullptr) continue;
    const bool apart = std::all_of(used.begin(), used.end(), [&](const Used& u) {
      return data + size <= u.data || u.data + u.size <= data;
    });
    REQUIRE(apart);
    used.push_back({data, size});
  }
  for (const Used& u : used) cache.put(u.data);
  CHECK(free_segments(cache) == 20 * mebibyte);
}
