// SPDX-License-Identifier: MIT
// Pictures: read from and written as PNG and JPEG, to and from tensors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/file.h"
#include "core/tensor.h"

namespace telescope::app {

/// Eight bits a channel, row by row from the top, pixels as red, green, blue.
struct Image {
  int height = 0, width = 0;
  std::vector<std::uint8_t> rgb;    ///< height * width * 3
  std::vector<std::uint8_t> alpha;  ///< height * width, 255 is opaque; empty: opaque everywhere

  Image() = default;
  /// All pixels of one grey.
  Image(int h, int w, std::uint8_t grey = 0);
  std::uint8_t* pixel(int y, int x) { return rgb.data() + (std::size_t(y) * width + x) * 3; }
  const std::uint8_t* pixel(int y, int x) const {
    return rgb.data() + (std::size_t(y) * width + x) * 3;
  }
  /// Where alpha is not empty.
  std::uint8_t& opacity(int y, int x) { return alpha[std::size_t(y) * width + x]; }
  std::uint8_t opacity(int y, int x) const { return alpha[std::size_t(y) * width + x]; }
  friend bool operator==(const Image&, const Image&) = default;
};

/// Reads a PNG or JPEG file; grey becomes RGB, transparency is dropped. Error naming the file if it
/// is anything else, damaged or cut anywhere, has 16 bits a channel, or more than 2^28 pixels.
Image read_image(const std::filesystem::path& path);
/// The same from the bytes of a file; `name` stands for it in messages.
Image decode_image(Bytes file, const std::string& name);

/// Reads a picture as people see it: with its transparency, where it has any, and turned upright as
/// the Exif orientation of a JPEG file says. All else as read_image().
Image read_photograph(const std::filesystem::path& path);
Image decode_photograph(Bytes file, const std::string& name);

struct ImageSize {
  int height = 0, width = 0;
};
/// The size from the beginning of a file; Error if read_image() could not read it for what stands
/// there. What comes after may still be damaged.
ImageSize read_image_size(const std::filesystem::path& path);

/// The bytes of a PNG file, with transparency where there is any; Error for an image without pixels.
std::string encode_png(const Image& image);
/// The bytes of a JPEG file of `quality` 1 to 100. Error for an image without pixels, with more than
/// 65535 a side, or with transparency, none of which the format can hold.
std::string encode_jpeg(const Image& image, int quality);
/// Writes atomically.
void write_png(const std::filesystem::path& path, const Image& image);

/// The picture in another size, bilinear; where it shrinks, every pixel is a weighted mean of all it
/// covers (a triangle as wide as two pixels of the result), so that no detail turns into a pattern.
Image resized(const Image& image, int height, int width);

/// The first rows and columns of a picture, no more than it has.
Image top_left(const Image& image, int height, int width);

/// A grid of pictures, one row a vector, each cell as large as its row and column need, `gap`
/// pixels of white between and around.
Image contact_sheet(const std::vector<std::vector<Image>>& rows, int gap = 4);

/// One picture of 0..255 as [1,H,W,3] f32 in [-1, 1]: u / 127.5 - 1.
Tensor to_tensor(const Image& image);
/// Pictures of one size as [N,H,W,3].
Tensor to_tensor(const std::vector<Image>& images);
/// The inverse for [N,H,W,3] or [H,W,3]: rounded to nearest, clamped to [-1, 1]; NaN becomes 0.
/// to_images(to_tensor(image)) is `image`.
std::vector<Image> to_images(const Tensor& x);
/// The same for a single picture.
Image to_image(const Tensor& x);

}  // namespace telescope::app
