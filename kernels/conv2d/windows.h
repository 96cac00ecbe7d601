// SPDX-License-Identifier: MIT
// Convolution on the CPU in terms of windows. Where one reaches over a border, the rows of a few images
// are copied with their zero padding, so that a window of R x S pixels is R runs of S C contiguous
// elements wherever it lies, and the inner kernel of matrix products needs no branches at borders.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv2d/conv2d.h"

namespace telescope::kernels::cpu {

/// Numbers [first, first + count).
struct Run {
  std::int64_t first, count;
};

/// Where windows lie in images: window (i, j) has its first pixel at
/// (i stride - top, j stride - left), which may be outside, as may all of it.
struct Windows {
  std::int64_t n, h, w, c;  // the images
  std::int64_t r, s;        // pixels of a window
  std::int64_t stride, top, left;
  std::int64_t out_h, out_w;  // windows of an image

  std::int64_t padded_width() const { return (out_w - 1) * stride + s; }
  std::int64_t padded_height(std::int64_t rows) const { return (rows - 1) * stride + r; }
  /// Rows of window (i, ...) and columns of window (..., j) that are inside of the image.
  Run rows_inside(std::int64_t i) const { return inside(i * stride - top, r, h); }
  Run columns_inside(std::int64_t j) const { return inside(j * stride - left, s, w); }
  /// Whether no window reaches over a border, so that nothing need be copied.
  bool in_place() const {
    return top == 0 && left == 0 && padded_width() <= w && padded_height(out_h) <= h;
  }
  /// Elements of one padded row.
  std::int64_t pitch() const { return padded_width() * c; }
  /// Elements of one padded image of which `rows` rows of windows are wanted.
  std::int64_t image_pitch(std::int64_t rows) const { return padded_height(rows) * pitch(); }

 private:
  static Run inside(std::int64_t begin, std::int64_t count, std::int64_t extent) {
    const std::int64_t first = std::clamp<std::int64_t>(-begin, 0, count);
    return {first, std::clamp<std::int64_t>(extent - begin, first, count) - first};
  }
};

/// Images that are worth a product.
inline constexpr std::int64_t images_at_once = 4;

/// So few pixels of an image that many see but a part of a window, and that rows of them fill no
/// tile of a product: each then has a product of its own, over the images, with what it sees.
inline bool pixel_by_pixel(const Windows& windows) {
  constexpr std::int64_t few_pixels = 16;
  return windows.r * windows.s > 1 && windows.out_h * windows.out_w <= few_pixels &&
         windows.n >= images_at_once;
}

/// Those that the outputs of a convolution see.
inline Windows windows_of(const Conv2dShape& shape) {
  return {.n = shape.n,
          .h = shape.h,
          .w = shape.w,
          .c = shape.c,
          .r = shape.r,
          .s = shape.s,
          .stride = shape.stride,
          .top = shape.padding,
          .left = shape.padding,
          .out_h = shape.out_h(),
          .out_w = shape.out_w()};
}

/// Rows [row, row + rows) of windows of the images [image, image + images): work for one thread at
/// a time. More than one image only with all of their rows.
struct Block {
  std::int64_t image, images, row, rows;
};

/// Cuts the windows of all images into blocks that fit the second-level cache.
class Blocks {
 public:
  /// At least `pieces` blocks, if there are as many rows; element_size 0 if nothing is copied.
  Blocks(const Windows& windows, std::int64_t element_size, std::int64_t pieces)
      : n_(windows.n), out_h_(windows.out_h) {
    constexpr std::int64_t most_windows = 512, most_bytes = 1 << 18;
    const std::int64_t row_bytes = windows.stride * windows.pitch() * element_size;
    rows_ =
        std::min(most_windows / windows.out_w, most_bytes / std::max<std::int64_t>(row_bytes, 1));
    rows_ = std::min(rows_, (n_ * out_h_ + pieces - 1) / std::max<std::int64_t>(pieces, 1));
    rows_ = std::max<std::int64_t>(rows_, 1);
    if (rows_ >= out_h_) images_ = std::max<std::int64_t>(rows_ / out_h_, 1);
    rows_ = std::min(rows_, out_h_);
    per_image_ = (out_h_ + rows_ - 1) / rows_;
  }

  std::int64_t count() const { return (n_ + images_ - 1) / images_ * per_image_; }
  /// The largest block's extents.
  std::int64_t images() const { return images_; }
  std::int64_t rows() const { return rows_; }
  Block operator[](std::int64_t i) const {
    const std::int64_t image = i / per_image_ * images_, row = i % per_image_ * rows_;
    return {image, std::min(images_, n_ - image), row, std::min(rows_, out_h_ - row)};
  }

 private:
  std::int64_t n_, out_h_, images_ = 1, rows_ = 1, per_image_ = 1;
};

/// Copies what the windows of a block see to `to`: images * image_pitch(block.rows) elements.
template <class T>
void copy_padded(const Windows& windows, const Block& block, const T* x, T* to) {
  const std::int64_t c = windows.c, width = windows.padded_width();
  const std::int64_t height = windows.padded_height(block.rows);
  // Columns [begin, end) of a padded row lie inside the image.
  const std::int64_t begin = std::clamp<std::int64_t>(windows.left, 0, width);
  const std::int64_t end = std::clamp<std::int64_t>(windows.left + windows.w, begin, width);
  for (std::int64_t n = block.image; n < block.image + block.images; ++n) {
    for (std::int64_t i = 0; i < height; ++i, to += width * c) {
      const std::int64_t row = block.row * windows.stride - windows.top + i;
      const bool inside = row >= 0 && row < windows.h;
      const std::int64_t first = inside ? begin : width, last = inside ? end : width;
      std::fill(to, to + first * c, T{0});
      if (!inside) continue;
      std::copy_n(x + ((n * windows.h + row) * windows.w + begin - windows.left) * c,
                  (last - first) * c, to + first * c);
      std::fill(to + last * c, to + width * c, T{0});
    }
  }
}

}  // namespace telescope::kernels::cpu
