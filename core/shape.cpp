// SPDX-License-Identifier: MIT
#include "core/shape.h"

#include <algorithm>
#include <limits>

namespace telescope {

Shape::Shape(std::span<const std::int64_t> extents) {
  TELESCOPE_CHECK(extents.size() <= max_rank, "shape", "expected at most {} extents, got {}",
                  max_rank, extents.size());
  rank_ = static_cast<int>(extents.size());
  std::copy(extents.begin(), extents.end(), extents_.begin());
  for (const std::int64_t extent : extents) {
    TELESCOPE_CHECK(extent >= 0, "shape", "expected extents of at least 0, got {}", str());
  }
  if (std::find(extents.begin(), extents.end(), 0) != extents.end()) {
    numel_ = 0;
    return;
  }
  // Their bytes must be countable too, and no element is longer than eight.
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max() / 8;
  for (const std::int64_t extent : extents) {
    TELESCOPE_CHECK(numel_ <= most / extent, "shape",
                    "{} has more elements than 64 bits can count the bytes of", str());
    numel_ *= extent;
  }
}

std::int64_t Shape::operator[](int i) const {
  const int index = i < 0 ? i + rank_ : i;
  TELESCOPE_CHECK(index >= 0 && index < rank_, "shape", "{} has no extent {}", str(), i);
  return extents_[static_cast<std::size_t>(index)];
}

Shape Shape::with(int i, std::int64_t extent) const {
  (*this)[i];
  auto extents = extents_;
  extents[static_cast<std::size_t>(i < 0 ? i + rank_ : i)] = extent;
  return Shape(std::span<const std::int64_t>(extents.data(), static_cast<std::size_t>(rank_)));
}

std::string Shape::str() const {
  std::string text = "[";
  for (int i = 0; i < rank_; ++i) {
    text += (i ? "," : "") + std::to_string(extents_[static_cast<std::size_t>(i)]);
  }
  return text + "]";
}

}  // namespace telescope
