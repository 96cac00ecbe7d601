// SPDX-License-Identifier: MIT
// The extents of a tensor: at most five, the last one contiguous. Images are [N, H, W, C].
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>

#include "core/error.h"

namespace telescope {

class Shape {
 public:
  static constexpr int max_rank = 5;

  Shape() = default;  ///< rank 0: a scalar, one element
  Shape(std::initializer_list<std::int64_t> extents)
      : Shape(std::span(extents.begin(), extents.size())) {}
  /// Error if there are more than five extents, a negative one, or more elements than
  /// int64 can count the bytes of.
  explicit Shape(std::span<const std::int64_t> extents);

  int rank() const { return rank_; }
  std::int64_t numel() const { return numel_; }
  /// Extent `i`; negative counts from the last: shape[-1] are the channels of an image.
  std::int64_t operator[](int i) const;
  const std::int64_t* begin() const { return extents_.data(); }
  const std::int64_t* end() const { return extents_.data() + rank_; }
  /// The same shape with extent `i` replaced.
  Shape with(int i, std::int64_t extent) const;
  /// "[8,32,32,3]"
  std::string str() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    return a.rank_ == b.rank_ && a.extents_ == b.extents_;
  }

 private:
  std::array<std::int64_t, max_rank> extents_{};
  int rank_ = 0;
  std::int64_t numel_ = 1;
};

}  // namespace telescope

template <>
struct fmt::formatter<telescope::Shape> {
  constexpr auto parse(fmt::format_parse_context& context) { return context.begin(); }
  template <class Context>
  auto format(const telescope::Shape& shape, Context& context) const {
    auto out = context.out();
    for (const char c : shape.str()) *out++ = c;
    return out;
  }
};
