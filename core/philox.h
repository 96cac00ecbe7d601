// SPDX-License-Identifier: MIT
// Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random
// numbers: as easy as 1, 2, 3", SC 2011). A number depends on its key and counter alone, so
// draws are the same bits in any order, on any device, and need no state to be saved.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace telescope {

using PhiloxBlock = std::array<std::uint32_t, 4>;

/// The four random words of one counter under one key.
constexpr PhiloxBlock philox(PhiloxBlock counter, std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t p0 = std::uint64_t{0xD2511F53u} * counter[0];
    const std::uint64_t p1 = std::uint64_t{0xCD9E8D57u} * counter[2];
    counter = {
        static_cast<std::uint32_t>(p1 >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(p1),
        static_cast<std::uint32_t>(p0 >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(p0)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// Uniform in [0, 1): the upper 24 bits, exact in float.
constexpr float uniform01(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

/// Names one stream of random numbers: (seed, stream name) make the key, `step` half the counter.
struct RandomKey {
  std::array<std::uint32_t, 2> key{};
  std::uint64_t step = 0;

  RandomKey() = default;
  RandomKey(std::uint64_t seed, std::string_view stream, std::uint64_t at_step = 0);

  /// The four words at position `index` of this stream.
  constexpr PhiloxBlock words(std::uint64_t index) const {
    return philox({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                   static_cast<std::uint32_t>(step), static_cast<std::uint32_t>(step >> 32)},
                  key);
  }
};

/// A sequence drawn from one key, for host code: a shuffle, a crop, a choice of pictures.
class RandomSequence {
 public:
  explicit RandomSequence(RandomKey key) : key_(key) {}
  std::uint32_t word() {
    if (next_ % 4 == 0) block_ = key_.words(next_ / 4);
    return block_[next_++ % 4];
  }
  float uniform() { return uniform01(word()); }
  /// Uniform in [0, n), without bias (Lemire's rejection); n of at least 1.
  std::uint32_t below(std::uint32_t n);
  /// Normal with mean 0 and deviation 1 (Box-Muller).
  double normal();

 private:
  RandomKey key_;
  PhiloxBlock block_{};
  std::uint64_t next_ = 0;
};

}  // namespace telescope
