// SPDX-License-Identifier: MIT
// Weight gradient: products of dy and the windows of x, summed over pixels. The pixels are cut into
// chunks that depend on the shape alone; each chunk has a partial sum of its own, and these are added
// up in order, so that the result has the same bits on any number of threads.
#include <algorithm>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/parallel.h"
#include "core/profile.h"
#include "kernels/conv2d/channels.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/conv2d/windows.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu {
namespace {

constexpr std::int64_t most_chunks = 16;     // threads that can be kept busy
constexpr std::int64_t chunk_pixels = 1024;  // fewer are not worth a partial sum

// The sum over chunks of pixels, [K, R S C] or transposed.
template <class T>
class WeightGradient {
 public:
  WeightGradient(const Conv2dShape& shape, const T* x, const T* dy)
      : shape_(shape),
        windows_(windows_of(shape)),
        x_(x),
        dy_(dy),
        taps_(shape.r * run()),
        in_place_(windows_.in_place()),
        pitch_(in_place_ ? windows_.w * windows_.c : windows_.pitch()),
        by_pixel_(pixel_by_pixel(windows_)),
        transposed_(!by_pixel_ && vectors_by_channel() < vectors_by_tap()),
        a_row_(transposed_ ? tap_offsets() : even(shape.k, 1)),
        sum_row_(transposed_ ? even(taps_, shape.k) : even(shape.k, taps_)),
        blocks_(windows_, by_pixel_ ? 0 : sizeof(T), wanted_chunks()),
        chunks_(std::min(blocks_.count(), wanted_chunks())) {}

  void add_to(T* dweight) const {
    const std::int64_t size = shape_.k * taps_;
    const Scratch<T> partials(chunks_ * size);
    T* partial = partials.data();
    for_idle_threads(chunks_, shape_.k, [&](const Channels& channels) {
      parallel_for(chunks_, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) run_chunk(i, channels, partial + i * size);
      });
    });
    parallel_for(shape_.k, 1 + (1 << 14) / taps_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = 0; chunk < chunks_; ++chunk) {
        for (std::int64_t k = begin; k < end; ++k) {
          const T* from = partial + chunk * size + (transposed_ ? k : k * taps_);
          const std::int64_t step = transposed_ ? shape_.k : 1;
          T* to = dweight + k * taps_;
          for (std::int64_t i = 0; i < taps_; ++i) to[i] += from[i * step];
        }
      }
    });
  }

 private:
  std::int64_t run() const { return shape_.s * shape_.c; }

  // Vectors that are multiplied for a pixel, with rows of output channels or of taps.
  std::int64_t vectors_by_tap() const { return shape_.k * shape_.r * padded_columns<T>(run()); }
  std::int64_t vectors_by_channel() const { return taps_ * padded_columns<T>(shape_.k); }

  std::int64_t wanted_chunks() const {
    const std::int64_t pixels = shape_.n * shape_.out_h() * shape_.out_w();
    return std::clamp<std::int64_t>(pixels / chunk_pixels, 1, most_chunks);
  }

  // The part of dweight that belongs to the channels.
  void run_chunk(std::int64_t chunk, const Channels& channels, T* dweight) const {
    const Scratch<T> padded(
        by_pixel_ || in_place_ ? 0 : blocks_.images() * windows_.image_pitch(blocks_.rows()));
    if (by_pixel_) std::fill_n(dweight + channels.first * taps_, channels.count * taps_, T{0});
    const std::int64_t count = blocks_.count(), first = count * chunk / chunks_;
    bool begun = false;
    for (std::int64_t i = first; i < count * (chunk + 1) / chunks_; ++i) {
      const Block block = blocks_[i];
      if (by_pixel_) {
        add_pixels(block, channels, dweight + channels.first * taps_);
        continue;
      }
      if (!in_place_) copy_padded(windows_, block, x_, padded.data());
      for (std::int64_t n = 0; n < block.images; ++n, begun = true) {
        const std::int64_t row = (block.image + n) * windows_.out_h + block.row;
        const T* x =
            in_place_ ? x_ + ((block.image + n) * windows_.h + block.row * windows_.stride) * pitch_
                      : padded.data() + n * windows_.image_pitch(block.rows);
        const T* dy = dy_ + row * windows_.out_w * shape_.k + channels.first;
        if (transposed_) {
          add_by_taps(block.rows, channels, x, dy, begun, dweight + channels.first);
        } else {
          add_by_channels(block.rows, channels, x, dy, begun, dweight + channels.first * taps_);
        }
      }
    }
  }

  // Where the taps of a window stand.
  std::vector<std::int64_t> tap_offsets() const {
    std::vector<std::int64_t> offsets;
    for (std::int64_t r = 0; r < shape_.r; ++r) {
      for (std::int64_t i = 0; i < run(); ++i) offsets.push_back(r * pitch_ + i);
    }
    return offsets;
  }
  static std::vector<std::int64_t> even(std::int64_t count, std::int64_t step) {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
    for (std::int64_t i = 0; i < count; ++i) rows[static_cast<std::size_t>(i)] = i * step;
    return rows;
  }

  // sum[k, r, s, c] += what a block contributes, pixel by pixel, where rows of its windows are inside.
  void add_pixels(const Block& block, const Channels& channels, T* sum) const {
    const std::int64_t c = windows_.c;
    for (std::int64_t i = block.row; i < block.row + block.rows; ++i) {
      for (std::int64_t j = 0; j < windows_.out_w; ++j) {
        const Run rows = windows_.rows_inside(i), columns = windows_.columns_inside(j);
        if (columns.count == 0) continue;
        const std::int64_t column = j * windows_.stride - windows_.left + columns.first;
        const std::int64_t pixel = (block.image * windows_.out_h + i) * windows_.out_w + j;
        for (std::int64_t r = rows.first; r < rows.first + rows.count; ++r) {
          const std::int64_t row =
              block.image * windows_.h + i * windows_.stride - windows_.top + r;
          T* to = sum + (r * windows_.s + columns.first) * c;
          multiply(Product<T>{.m = channels.count,
                              .n = columns.count * c,
                              .length = block.images,
                              .a = dy_ + pixel * shape_.k + channels.first,
                              .a_row = a_row_.data(),
                              .a_step = windows_.out_h * windows_.out_w * shape_.k,
                              .b = x_ + (row * windows_.w + column) * c,
                              .packed = false,
                              .b_step = windows_.h * windows_.w * c,
                              .addend = to,
                              .c = to,
                              .c_row = sum_row_.data()});
        }
      }
    }
  }

  // sum[k, r, :] (+)= what `rows` rows of windows of one image contribute, one r after the other.
  void add_by_channels(std::int64_t rows, const Channels& channels, const T* x, const T* dy,
                       bool begun, T* sum) const {
    for (std::int64_t r = 0; r < shape_.r; ++r) {
      multiply(Product<T>{.m = channels.count,
                          .n = run(),
                          .runs = rows,
                          .length = windows_.out_w,
                          .a = dy,
                          .a_row = a_row_.data(),
                          .a_run = windows_.out_w * shape_.k,
                          .a_step = shape_.k,
                          .b = x + r * pitch_,
                          .packed = false,
                          .b_run = shape_.stride * pitch_,
                          .b_step = shape_.stride * shape_.c,
                          .addend = begun ? sum + r * run() : nullptr,
                          .c = sum + r * run(),
                          .c_row = sum_row_.data()});
    }
  }

  // sum[r, s, c, k] (+)= the same.
  void add_by_taps(std::int64_t rows, const Channels& channels, const T* x, const T* dy, bool begun,
                   T* sum) const {
    multiply(Product<T>{.m = taps_,
                        .n = channels.count,
                        .runs = rows,
                        .length = windows_.out_w,
                        .a = x,
                        .a_row = a_row_.data(),
                        .a_run = shape_.stride * pitch_,
                        .a_step = shape_.stride * shape_.c,
                        .b = dy,
                        .packed = false,
                        .b_run = windows_.out_w * shape_.k,
                        .b_step = shape_.k,
                        .addend = begun ? sum : nullptr,
                        .c = sum,
                        .c_row = sum_row_.data()});
  }

  Conv2dShape shape_;
  Windows windows_;
  const T* x_;
  const T* dy_;
  std::int64_t taps_;
  bool in_place_;
  std::int64_t pitch_;  // elements from one row of x, or of its copy, to the next
  bool by_pixel_;       // whether pixel by pixel
  bool transposed_;     // whether it is taps that make rows
  std::vector<std::int64_t> a_row_, sum_row_;
  Blocks blocks_;
  std::int64_t chunks_;
};

// The same convolution with all images as one: a kernel of 1 x 1 does not see where they end.
Conv2dShape with_images_joined(Conv2dShape shape) {
  if (shape.r * shape.s == 1 && shape.stride == 1 && shape.padding == 0) {
    shape.h *= std::exchange(shape.n, 1);
  }
  return shape;
}

// dbias[k] += the sum of dy over pixels: a product with a row of ones.
template <class T>
void add_bias_gradient(std::int64_t pixels, std::int64_t k, const T* dy, T* dbias) {
  const std::int64_t chunks = std::clamp<std::int64_t>(pixels / chunk_pixels, 1, most_chunks);
  const Scratch<T> partial(chunks * k);
  parallel_for(chunks, 1 + (1 << 15) * chunks / (pixels * k + 1),
               [&](std::int64_t begin, std::int64_t end) {
                 const T one = 1;
                 const std::int64_t at_zero = 0;
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = pixels * i / chunks;
                   multiply(Product<T>{.m = 1,
                                       .n = k,
                                       .length = pixels * (i + 1) / chunks - first,
                                       .a = &one,
                                       .a_row = &at_zero,
                                       .a_step = 0,
                                       .b = dy + first * k,
                                       .packed = false,
                                       .b_step = k,
                                       .c = partial.data() + i * k,
                                       .c_row = &at_zero});
                 }
               });
  for (std::int64_t i = 0; i < chunks; ++i) {
    for (std::int64_t j = 0; j < k; ++j) dbias[j] += partial.data()[i * k + j];
  }
}

}  // namespace

template <class T>
void conv2d_weight_gradient(const Stream&, const Conv2dShape& shape, const T* x, const T* dy,
                            Wide<T>* dweight, Wide<T>* dbias, Conv2dVariant variant) {
  if (shape.n * shape.k == 0) return;
  if (dbias) add_bias_gradient(shape.n * shape.out_h() * shape.out_w(), shape.k, dy, dbias);
  if (!dweight) return;
  if constexpr (std::is_same_v<T, float>) {
    const Windows windows = windows_of(shape);
    if (winograd::chosen(variant, winograd::weight_gradient_pays(windows, shape.k))) {
      return winograd::weight_gradient(windows, shape.k, x, dy, dweight);
    }
  }
  const Scope scope("direct");
  WeightGradient<T>(with_images_joined(shape), x, dy).add_to(dweight);
}

template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const float*, const float*,
                                     float*, float*, Conv2dVariant);
template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const double*,
                                     const double*, double*, double*, Conv2dVariant);

}  // namespace telescope::kernels::cpu
