// SPDX-License-Identifier: MIT
#include "apps/exif.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace telescope::app {
namespace {

unsigned byte_at(Bytes bytes, std::size_t i) { return std::to_integer<unsigned>(bytes[i]); }

// Numbers of a TIFF block, which says of itself in which order their bytes are; 0 beyond its end.
struct Tiff {
  Bytes bytes;
  bool little = false;

  std::size_t number(std::size_t at, std::size_t size) const {
    if (at > bytes.size() || size > bytes.size() - at) return 0;
    std::size_t value = 0;
    for (std::size_t i = 0; i < size; ++i) {
      value = value << 8 | byte_at(bytes, little ? at + size - 1 - i : at + i);
    }
    return value;
  }
};

// The TIFF block of the first segment APP1 that begins with "Exif", empty if there is none.
Bytes exif_block(Bytes jpeg) {
  constexpr unsigned app1 = 0xE1, start_of_scan = 0xDA;
  for (std::size_t at = 2; jpeg.size() > at + 4 && byte_at(jpeg, at) == 0xFF;) {
    const unsigned code = byte_at(jpeg, at + 1);
    const std::size_t length = byte_at(jpeg, at + 2) << 8 | byte_at(jpeg, at + 3);
    if (code == start_of_scan || length < 2 || length > jpeg.size() - at - 2) return {};
    const Bytes content = jpeg.subspan(at + 4, length - 2);
    if (code == app1 && content.size() >= 6 && std::memcmp(content.data(), "Exif\0", 6) == 0) {
      return content.subspan(6);
    }
    at += 2 + length;
  }
  return {};
}

}  // namespace

int exif_orientation(Bytes jpeg) {
  constexpr std::size_t orientation = 0x0112, entry_bytes = 12;
  Tiff tiff{exif_block(jpeg)};
  tiff.little = tiff.number(0, 2) == 0x4949;  // "II"; else "MM"
  const std::size_t directory = tiff.number(4, 4);
  const std::size_t entries = tiff.number(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const std::size_t entry = directory + 2 + i * entry_bytes;
    if (tiff.number(entry, 2) != orientation) continue;
    const std::size_t value = tiff.number(entry + 8, 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Image upright(const Image& image, int orientation) {
  const bool transpose = orientation >= 5;
  const auto is = [&](auto... values) { return ((orientation == values) || ...); };
  const bool flip_rows = is(3, 4, 6, 7), flip_columns = is(2, 3, 7, 8);
  if (orientation == 1) return image;
  Image turned = transpose ? Image(image.width, image.height) : Image(image.height, image.width);
  turned.alpha.resize(image.alpha.size());
  for (int y = 0; y < turned.height; ++y) {
    for (int x = 0; x < turned.width; ++x) {
      int row = transpose ? x : y, column = transpose ? y : x;
      if (flip_rows) row = image.height - 1 - row;
      if (flip_columns) column = image.width - 1 - column;
      std::copy_n(image.pixel(row, column), 3, turned.pixel(y, x));
      if (!image.alpha.empty()) turned.opacity(y, x) = image.opacity(row, column);
    }
  }
  return turned;
}

}  // namespace telescope::app
