// SPDX-License-Identifier: MIT
#include "apps/image.h"

#include <stb/stb_image.h>
#include <stb/stb_image_write.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "apps/exif.h"
#include "apps/image_check.h"

namespace telescope::app {
namespace {

constexpr std::int64_t most_pixels = std::int64_t{1} << 28;

struct FreeImage {
  void operator()(unsigned char* p) const { stbi_image_free(p); }
};

const stbi_uc* data_of(Bytes file) { return reinterpret_cast<const stbi_uc*>(file.data()); }

// The size, having checked everything that stands at the beginning of the file.
ImageSize check_header(const std::string& name, Bytes file) {
  TELESCOPE_CHECK(!file.empty(), "image", "{} is empty", name);
  TELESCOPE_CHECK(image_format(file) != ImageFormat::other, "image",
                  "{} is neither a PNG nor a JPEG file", name);
  TELESCOPE_CHECK(file.size() <= std::numeric_limits<int>::max(), "image", "{} has {} bytes", name,
                  file.size());
  if (image_format(file) == ImageFormat::jpeg) {
    const std::string damage = jpeg_damage(file, false);
    if (!damage.empty()) raise("image", "{} is damaged: {}", name, damage);
  }
  const int length = static_cast<int>(file.size());
  ImageSize size;
  int channels = 0;
  if (!stbi_info_from_memory(data_of(file), length, &size.width, &size.height, &channels)) {
    raise("image", "{} is damaged: {}", name, stbi_failure_reason());
  }
  TELESCOPE_CHECK(!stbi_is_16_bit_from_memory(data_of(file), length), "image",
                  "{} has 16 bits a channel; convert it to 8", name);
  TELESCOPE_CHECK(std::int64_t{size.height} * size.width <= most_pixels, "image",
                  "{} has {} x {} pixels, more than 2^28", name, size.width, size.height);
  return size;
}

}  // namespace

Image::Image(int h, int w, std::uint8_t grey)
    : height(h),
      width(w),
      rgb(static_cast<std::size_t>(h) * static_cast<std::size_t>(w) * 3, grey) {}

ImageSize read_image_size(const std::filesystem::path& path) {
  return check_header(path.string(), MappedFile::open(path)->bytes());
}

Image read_image(const std::filesystem::path& path) {
  return decode_image(MappedFile::open(path)->bytes(), path.string());
}

Image read_photograph(const std::filesystem::path& path) {
  return decode_photograph(MappedFile::open(path)->bytes(), path.string());
}

namespace {

struct Pixels {
  ImageSize size;
  std::unique_ptr<unsigned char, FreeImage> bytes;
};

// `channels` 3 or 4: with opacity.
Pixels decode(Bytes file, const std::string& name, int channels) {
  Pixels pixels{check_header(name, file), {}};
  const std::string damage =
      image_format(file) == ImageFormat::png ? png_damage(file) : jpeg_damage(file);
  if (!damage.empty()) raise("image", "{} is damaged: {}", name, damage);

  int height = 0, width = 0, in_file = 0;
  pixels.bytes.reset(stbi_load_from_memory(data_of(file), static_cast<int>(file.size()), &width,
                                           &height, &in_file, channels));
  if (!pixels.bytes) raise("image", "{} is damaged: {}", name, stbi_failure_reason());
  TELESCOPE_CHECK(height == pixels.size.height && width == pixels.size.width, "image",
                  "{} is damaged", name);
  return pixels;
}

}  // namespace

Image decode_image(Bytes file, const std::string& name) {
  const Pixels pixels = decode(file, name, 3);
  Image image;
  image.height = pixels.size.height;
  image.width = pixels.size.width;
  image.rgb.assign(pixels.bytes.get(),
                   pixels.bytes.get() + std::size_t(image.height) * std::size_t(image.width) * 3);
  return image;
}

Image decode_photograph(Bytes file, const std::string& name) {
  const Pixels pixels = decode(file, name, 4);
  Image image(pixels.size.height, pixels.size.width);
  image.alpha.resize(image.rgb.size() / 3);
  for (std::size_t i = 0; i < image.alpha.size(); ++i) {
    std::copy_n(pixels.bytes.get() + 4 * i, 3, image.rgb.data() + 3 * i);
    image.alpha[i] = pixels.bytes.get()[4 * i + 3];
  }
  const bool opaque = std::all_of(image.alpha.begin(), image.alpha.end(),
                                  [](std::uint8_t opacity) { return opacity == 255; });
  if (opaque) image.alpha = {};
  const bool jpeg = image_format(file) == ImageFormat::jpeg;
  return jpeg ? upright(image, exif_orientation(file)) : image;
}

namespace {

void append(void* to, void* data, int size) {
  static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                        static_cast<std::size_t>(size));
}

void check_encodable(const Image& image, const char* format) {
  TELESCOPE_CHECK(image.height > 0 && image.width > 0, "image",
                  "{} x {} pixels cannot be a {} file", image.width, image.height, format);
}

[[noreturn]] void raise_no_memory(const Image& image) {
  raise_failure("image", "no memory to compress {} x {} pixels", image.width, image.height);
}

std::vector<std::uint8_t> with_alpha(const Image& image) {
  std::vector<std::uint8_t> rgba(image.alpha.size() * 4);
  for (std::size_t i = 0; i < image.alpha.size(); ++i) {
    std::copy_n(image.rgb.data() + 3 * i, 3, rgba.data() + 4 * i);
    rgba[4 * i + 3] = image.alpha[i];
  }
  return rgba;
}

}  // namespace

std::string encode_png(const Image& image) {
  check_encodable(image, "PNG");
  const int channels = image.alpha.empty() ? 3 : 4;
  const std::vector<std::uint8_t> rgba = with_alpha(image);
  std::string png;
  if (!stbi_write_png_to_func(append, &png, image.width, image.height, channels,
                              rgba.empty() ? image.rgb.data() : rgba.data(),
                              image.width * channels)) {
    raise_no_memory(image);
  }
  return png;
}

std::string encode_jpeg(const Image& image, int quality) {
  check_encodable(image, "JPEG");
  TELESCOPE_CHECK(std::max(image.width, image.height) <= 65535, "image",
                  "{} x {} pixels cannot be a JPEG file, which has at most 65535 a side",
                  image.width, image.height);
  TELESCOPE_CHECK(image.alpha.empty(), "image",
                  "a JPEG file cannot hold transparency; write a PNG file");
  TELESCOPE_CHECK(quality >= 1 && quality <= 100, "image", "expected a quality of 1 to 100, got {}",
                  quality);
  std::string jpeg;
  if (!stbi_write_jpg_to_func(append, &jpeg, image.width, image.height, 3, image.rgb.data(),
                              quality)) {
    raise_no_memory(image);
  }
  return jpeg;
}

void write_png(const std::filesystem::path& path, const Image& image) {
  write_file_atomically(path, encode_png(image), "picture");
}

Image top_left(const Image& image, int height, int width) {
  height = std::min(height, image.height);
  width = std::min(width, image.width);
  Image part(height, width);
  for (int y = 0; y < height; ++y) {
    std::copy_n(image.pixel(y, 0), std::size_t(width) * 3, part.pixel(y, 0));
  }
  for (int y = 0; y < height && !image.alpha.empty(); ++y) {
    const auto row = image.alpha.begin() + std::ptrdiff_t(y) * image.width;
    part.alpha.insert(part.alpha.end(), row, row + width);
  }
  return part;
}

Image contact_sheet(const std::vector<std::vector<Image>>& rows, int gap) {
  std::vector<int> heights, widths;
  for (const auto& row : rows) {
    heights.push_back(0);
    if (widths.size() < row.size()) widths.resize(row.size(), 0);
    for (std::size_t k = 0; k < row.size(); ++k) {
      heights.back() = std::max(heights.back(), row[k].height);
      widths[k] = std::max(widths[k], row[k].width);
    }
  }
  int height = gap, width = gap;
  for (const int h : heights) height += h + gap;
  for (const int w : widths) width += w + gap;

  Image sheet(height, width, 255);
  for (int top = gap; const auto& row : rows) {
    int left = gap;
    for (std::size_t k = 0; k < row.size(); left += widths[k++] + gap) {
      for (int y = 0; y < row[k].height; ++y) {
        std::copy_n(row[k].pixel(y, 0), row[k].width * 3, sheet.pixel(top + y, left));
      }
    }
    top += heights[static_cast<std::size_t>(&row - rows.data())] + gap;
  }
  return sheet;
}

Tensor to_tensor(const Image& image) { return to_tensor(std::vector<Image>{image}); }

Tensor to_tensor(const std::vector<Image>& images) {
  TELESCOPE_CHECK(!images.empty(), "to_tensor", "expected at least one picture");
  const int height = images[0].height, width = images[0].width;
  const Tensor x = Tensor::empty({static_cast<std::int64_t>(images.size()), height, width, 3});
  float* out = x.data<float>();
  for (const Image& image : images) {
    TELESCOPE_CHECK(image.height == height && image.width == width, "to_tensor",
                    "expected pictures of one size, got {} x {} and {} x {}", width, height,
                    image.width, image.height);
    out = std::transform(image.rgb.begin(), image.rgb.end(), out,
                         [](std::uint8_t u) { return static_cast<float>(u) / 127.5f - 1.f; });
  }
  return x;
}

std::vector<Image> to_images(const Tensor& x) {
  const Shape& shape = x.shape();
  TELESCOPE_CHECK((shape.rank() == 3 || shape.rank() == 4) && shape[-1] == 3, "to_images",
                  "expected [N,H,W,3] or [H,W,3], got {}", shape);
  const std::int64_t count = shape.rank() == 4 ? shape[0] : 1;
  const Tensor host = x.detach().to(DType::f32).to(Device{});
  const float* in = host.data<float>();
  std::vector<Image> images;
  for (std::int64_t i = 0; i < count; ++i) {
    images.emplace_back(static_cast<int>(shape[-3]), static_cast<int>(shape[-2]));
    for (std::uint8_t& u : images.back().rgb) {
      const float value = (*in++ + 1.f) * 127.5f;
      u = value > 0.f ? static_cast<std::uint8_t>(std::lrint(std::min(value, 255.f))) : 0;
    }
  }
  return images;
}

Image to_image(const Tensor& x) {
  TELESCOPE_CHECK(x.rank() == 3 || (x.rank() == 4 && x.extent(0) == 1), "to_image",
                  "expected [H,W,3] or [1,H,W,3], got {}", x.shape());
  return std::move(to_images(x)[0]);
}

}  // namespace telescope::app
