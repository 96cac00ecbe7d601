// SPDX-License-Identifier: MIT
// Picture files for the tests of apps.
#pragma once

#include <stb/stb_image_write.h>

#include <string>
#include <vector>

#include "apps/builtin.h"
#include "apps/image.h"
#include "core/file.h"

namespace telescope::test {

inline void append_bytes(void* to, void* data, int size) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                        static_cast<std::size_t>(size));
}

/// A PNG file of `channels` (1 to 4) bytes a pixel.
inline std::string png_bytes(int height, int width, int channels,
                             const std::vector<std::uint8_t>& pixels) {
  std::string file;
  stbi_write_png_to_func(append_bytes, &file, width, height, channels, pixels.data(), 0);
  return file;
}

/// A JPEG file, RGB or grey.
inline std::string jpeg_bytes(int height, int width, int channels,
                              const std::vector<std::uint8_t>& pixels) {
  std::string file;
  stbi_write_jpg_to_func(append_bytes, &file, width, height, channels, pixels.data(), 95);
  return file;
}

/// A picture unlike every other.
inline app::Image some_picture(int height, int width, std::uint64_t index = 0) {
  return app::draw_dead_leaves(99, index, height, width);
}

}  // namespace telescope::test
