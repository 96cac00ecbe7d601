// SPDX-License-Identifier: MIT
// Segments of memory from the system, cut into blocks; for core/memory_pool.cpp alone.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <utility>

namespace telescope::detail {

/// What is freed joins its free neighbours and is cut anew: the tensors of one mesh take the place of
/// those of another, whatever their sizes. Of several blocks that would do, the smallest is taken.
class BlockCache {
 public:
  /// `data` is free from here on, in one piece.
  void add_segment(std::byte* data, std::size_t size);
  /// A free block, cut to `size` if it is longer; nullptr if there is none. Short ones do not break up
  /// long ones: those are what the next mesh asks for.
  std::byte* take(std::size_t size);
  /// A free segment of exactly `size`, whole; nullptr if there is none.
  std::byte* take_whole(std::size_t size);
  /// Frees what one of these gave.
  void put(std::byte* data) noexcept;

  struct Segment {
    std::byte* data = nullptr;
    std::size_t size = 0;
  };
  /// Removes the smallest segment of at least `size` with nothing in use; {} if there is none.
  Segment remove_segment(std::size_t size);
  /// Removes every segment with nothing in use, and calls `give_back` with it.
  void remove_free_segments(const std::function<void(const Segment&)>& give_back) noexcept;
  /// Takes over all that the other has, in use or not.
  void take_over(BlockCache& other);

  /// Bytes from which on a request is a long one.
  static constexpr std::size_t long_block = 64 << 10;

 private:
  struct Block {
    std::size_t size;
    bool free, first;  ///< first of its segment
  };
  using Blocks = std::map<std::byte*, Block>;

  bool is_segment(Blocks::const_iterator block) const;
  std::byte* use(Blocks::iterator block, std::size_t size);
  void remove(Blocks::iterator block);

  Blocks blocks_;                                      // by address, neighbours side by side
  std::set<std::pair<std::size_t, std::byte*>> free_;  // by size
};

}  // namespace telescope::detail
