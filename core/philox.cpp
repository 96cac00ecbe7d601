// SPDX-License-Identifier: MIT
#include "core/philox.h"

#include <cmath>
#include <numbers>

namespace telescope {

RandomKey::RandomKey(std::uint64_t seed, std::string_view stream, std::uint64_t at_step)
    : step(at_step) {
  // FNV-1a over the name, then the SplitMix64 finaliser over seed and name: neighbouring seeds and
  // names give unrelated keys.
  std::uint64_t name = 0xcbf29ce484222325u;
  for (const char c : stream) name = (name ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  std::uint64_t z = seed * 0x9E3779B97F4A7C15u + name;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  z ^= z >> 31;
  key = {static_cast<std::uint32_t>(z), static_cast<std::uint32_t>(z >> 32)};
}

std::uint32_t RandomSequence::below(std::uint32_t n) {
  std::uint64_t product = std::uint64_t{word()} * n;
  if (static_cast<std::uint32_t>(product) < n) {
    const std::uint32_t threshold = (0u - n) % n;
    while (static_cast<std::uint32_t>(product) < threshold) product = std::uint64_t{word()} * n;
  }
  return static_cast<std::uint32_t>(product >> 32);
}

double RandomSequence::normal() {
  const double u = (word() + 0.5) * 0x1p-32, v = word() * 0x1p-32;
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

}  // namespace telescope
