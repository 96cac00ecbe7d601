// SPDX-License-Identifier: MIT
#include "apps/image_check.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace telescope::app {
namespace {

constexpr std::string_view png_signature = "\x89PNG\r\n\x1a\n";

bool starts_with(Bytes file, std::string_view text) {
  return file.size() >= text.size() && std::memcmp(file.data(), text.data(), text.size()) == 0;
}

unsigned byte_at(Bytes file, std::size_t i) { return std::to_integer<unsigned>(file[i]); }

std::uint32_t big_endian(Bytes file, std::size_t i) {
  return byte_at(file, i) << 24 | byte_at(file, i + 1) << 16 | byte_at(file, i + 2) << 8 |
         byte_at(file, i + 3);
}

// The CRC of PNG (ISO 3309), a byte at a time.
std::uint32_t crc32(Bytes bytes) {
  static const auto table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t n = 0; n < 256; ++n) {
      std::uint32_t c = n;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      entries[n] = c;
    }
    return entries;
  }();
  std::uint32_t c = ~0u;
  for (const std::byte b : bytes) c = table[(c ^ std::to_integer<unsigned>(b)) & 255] ^ (c >> 8);
  return ~c;
}

// Of a segment with Huffman tables: a class and number, how many codes there are of 1 to 16 bits, the
// values. stb_image before 2.28 writes behind its own table if there are more than 256.
bool huffman_tables_fit(Bytes segment) {
  while (!segment.empty()) {
    if (segment.size() < 17) return false;
    unsigned codes = 0;
    for (std::size_t i = 1; i <= 16; ++i) codes += byte_at(segment, i);
    if (codes > 256 || segment.size() < 17 + codes) return false;
    segment = segment.subspan(17 + codes);
  }
  return true;
}

}  // namespace

ImageFormat image_format(Bytes file) {
  if (starts_with(file, png_signature)) return ImageFormat::png;
  return starts_with(file, "\xff\xd8\xff") ? ImageFormat::jpeg : ImageFormat::other;
}

std::string png_damage(Bytes file) {
  // A chunk: length, four letters, that many bytes, checksum of letters and bytes.
  for (std::size_t at = png_signature.size();;) {
    if (file.size() - at < 12) return "it is cut";
    const std::size_t length = big_endian(file, at);
    if (length > file.size() - at - 12) return "it is cut";
    const Bytes chunk = file.subspan(at + 4, 4 + length);
    if (crc32(chunk) != big_endian(file, at + 8 + length)) {
      return fmt::format("a checksum is wrong at byte {}", at);
    }
    if (starts_with(chunk, "IEND")) return "";
    at += 12 + length;
  }
}

std::string jpeg_damage(Bytes file, bool whole) {
  constexpr unsigned huffman_tables = 0xC4, end_of_image = 0xD9, restart_0 = 0xD0, restart_7 = 0xD7;
  std::size_t at = 2;
  for (;;) {
    // A marker: FF, any number of FF, a code that is neither 0 nor FF. The data of a scan hold none
    // but restarts, so whatever is not FF is passed over.
    while (at < file.size() && byte_at(file, at) != 0xFF) ++at;
    while (at < file.size() && byte_at(file, at) == 0xFF) ++at;
    if (at >= file.size()) return "it is cut";
    const unsigned code = byte_at(file, at++);
    if (code == end_of_image) return "";
    const bool within_scan = code == 0 || (code >= restart_0 && code <= restart_7);
    if (within_scan || code == 0x01) continue;
    if (file.size() - at < 2) return "it is cut";
    const std::size_t length = byte_at(file, at) << 8 | byte_at(file, at + 1);
    if (length < 2) return fmt::format("a segment of {} bytes at byte {}", length, at);
    if (length > file.size() - at) return "it is cut";
    if (code == huffman_tables && !huffman_tables_fit(file.subspan(at + 2, length - 2))) {
      return fmt::format("a bad Huffman table at byte {}", at);
    }
    at += length;
    const bool frame =
        (code & 0xF0) == 0xC0 && code != huffman_tables && code != 0xC8 && code != 0xCC;
    if (frame && !whole) return "";
  }
}

}  // namespace telescope::app
