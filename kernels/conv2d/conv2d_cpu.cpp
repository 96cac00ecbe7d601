// SPDX-License-Identifier: MIT
// Forward and input gradient. Both are one computation, `correlate`: windows of the input times a
// packed matrix of weights; or, where that is faster, Winograd's form of it.
#include "kernels/conv2d/conv2d.h"

#include <algorithm>
#include <type_traits>

#include "core/parallel.h"
#include "core/profile.h"
#include "kernels/conv2d/addends.h"
#include "kernels/conv2d/channels.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/conv2d/windows.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu {
namespace {

// The pixels of the output that a correlation computes: window (i, j) of image n is written to
// y[n, first_row + i step, first_column + j step, :].
struct Target {
  std::int64_t h, w, k;  // of y
  std::int64_t step = 1, first_row = 0, first_column = 0;
};

// Weights of a correlation as a matrix of (r, s, c) rows and a column for each of some channels.
template <class T>
struct Matrix {
  std::int64_t rows;
  Channels channels;
  const T* elements;
  bool packed;  // else column by column
};
template <class T>
bool narrow(const Windows& windows, std::int64_t k) {
  return k <= narrow_columns && windows.s * windows.c >= padded_columns<T>(1);
}

// Work of less than this many multiplications is not worth another thread.
constexpr std::int64_t thread_work = 1 << 17;

template <class T>
class Correlation {
 public:
  Correlation(const Windows& windows, const Matrix<T>& weights, const Target& target,
              const Addends<T>& addends, const T* x, T* y)
      : windows_(windows),
        weights_(weights),
        target_(target),
        addends_(addends),
        x_(x),
        y_(y),
        by_pixel_(weights.packed && pixel_by_pixel(windows)),
        past_caches_(addends.written_past_caches(y, windows.n * target.h * target.w, target.k)),
        blocks_(windows, by_pixel_ ? 0 : sizeof(T), useful_pieces()) {}

  void run() const {
    parallel_for(blocks_.count(), 1, [this](std::int64_t begin, std::int64_t end) {
      const std::int64_t most = blocks_.images() * blocks_.rows() * windows_.out_w;
      const Scratch<std::int64_t> offsets(3 * most);
      const Scratch<T> padded(by_pixel_ || windows_.in_place()
                                  ? 0
                                  : blocks_.images() * windows_.image_pitch(blocks_.rows()));
      for (std::int64_t i = begin; i < end; ++i) {
        if (by_pixel_) {
          run_pixels(blocks_[i], offsets.data());
        } else {
          run_block(blocks_[i], offsets.data(), padded.data());
        }
      }
    });
  }

 private:
  std::int64_t useful_pieces() const {
    const std::int64_t work =
        windows_.n * windows_.out_h * windows_.out_w * weights_.rows * weights_.channels.count;
    const std::int64_t most = by_pixel_ ? windows_.n / images_at_once : thread_count();
    return std::clamp<std::int64_t>(work / thread_work, 1,
                                    std::min<std::int64_t>(most, thread_count()));
  }

  // Where row (i, j) of image n of the result stands.
  std::int64_t target_at(std::int64_t n, std::int64_t i, std::int64_t j) const {
    const std::int64_t row = target_.first_row + i * target_.step;
    return ((n * target_.h + row) * target_.w + target_.first_column + j * target_.step) *
           target_.k;
  }

  // A product of `m` windows, whose results and starts `offsets` has behind where they begin.
  Product<T> product_of(std::int64_t m, const std::int64_t* offsets) const {
    const std::int64_t first = weights_.channels.first;
    return {.m = m,
            .n = weights_.channels.count,
            .a_row = offsets,
            .b = weights_.elements,
            .start = addends_.starts() + first,
            .start_row = offsets + 2 * m,
            .addend = addends_.residual ? addends_.residual + first : nullptr,
            .c = y_ + first,
            .c_row = offsets + m,
            .past_caches = past_caches_};
  }

  // A product for each pixel, of the part of its windows that is inside of the images.
  void run_pixels(const Block& block, std::int64_t* offsets) const {
    const std::int64_t m = block.images, c = windows_.c;
    std::int64_t *c_row = offsets + m, *start_row = c_row + m;
    for (std::int64_t i = block.row; i < block.row + block.rows; ++i) {
      for (std::int64_t j = 0; j < windows_.out_w; ++j) {
        const Run rows = windows_.rows_inside(i), columns = windows_.columns_inside(j);
        const std::int64_t row = i * windows_.stride - windows_.top + rows.first;
        const std::int64_t column = j * windows_.stride - windows_.left + columns.first;
        const bool sees = rows.count * columns.count > 0;
        for (std::int64_t n = 0; n < m; ++n) {
          const std::int64_t image = block.image + n;
          offsets[n] = sees ? ((image * windows_.h + row) * windows_.w + column) * c : 0;
          c_row[n] = target_at(image, i, j);
          start_row[n] = addends_.start_at(image);
        }
        Product<T> product = product_of(m, offsets);
        product.runs = sees ? rows.count : 0;
        product.length = columns.count * c;
        product.a = x_;
        product.a_run = windows_.w * c;
        product.packed_rows = weights_.rows;
        product.b_first = (rows.first * windows_.s + columns.first) * c;
        product.b_run = windows_.s * c;
        multiply(product);
      }
    }
  }

  void run_block(const Block& block, std::int64_t* offsets, T* padded) const {
    const std::int64_t pitch = windows_.in_place() ? windows_.w * windows_.c : windows_.pitch();
    const std::int64_t image_pitch =
        windows_.in_place() ? windows_.h * pitch : windows_.image_pitch(block.rows);
    const T* a = padded;
    if (windows_.in_place()) {
      a = x_ + block.image * image_pitch + block.row * windows_.stride * pitch;
    } else {
      copy_padded(windows_, block, x_, padded);
    }
    const std::int64_t m = block.images * block.rows * windows_.out_w;
    std::int64_t *c_row = offsets + m, *start_row = c_row + m;
    std::int64_t at = 0;
    for (std::int64_t n = 0; n < block.images; ++n) {
      for (std::int64_t i = 0; i < block.rows; ++i) {
        for (std::int64_t j = 0; j < windows_.out_w; ++j, ++at) {
          offsets[at] =
              n * image_pitch + i * windows_.stride * pitch + j * windows_.stride * windows_.c;
          c_row[at] = target_at(block.image + n, block.row + i, j);
          start_row[at] = addends_.start_at(block.image + n);
        }
      }
    }
    Product<T> product = product_of(m, offsets);
    product.runs = windows_.r;
    product.length = windows_.s * windows_.c;
    product.a = a;
    product.a_run = pitch;
    if (weights_.packed) {
      multiply(product);
    } else {
      multiply_narrow(product);
    }
  }

  Windows windows_;
  const Matrix<T>& weights_;
  Target target_;
  const Addends<T>& addends_;
  const T* x_;
  T* y_;
  bool by_pixel_, past_caches_;
  Blocks blocks_;
};

// y or dx = addends + windows of x times weights that `pack_columns(channels, to)` packs. Threads
// that a few windows do not keep busy share the output channels.
template <class T, class PackColumns>
void correlate(const Windows& windows, const Target& target, const Addends<T>& addends, const T* x,
               T* y, const PackColumns& pack_columns) {
  constexpr std::int64_t windows_worth_a_thread = 64;
  const std::int64_t rows = windows.r * windows.s * windows.c;
  const std::int64_t pieces =
      pixel_by_pixel(windows) ? windows.n / images_at_once
                              : windows.n * windows.out_h * windows.out_w / windows_worth_a_thread;
  for_idle_threads(pieces, target.k, [&](const Channels& channels) {
    const Scratch<T> packed(rows * padded_columns<T>(channels.count));
    pack_columns(channels, packed.data());
    const Matrix<T> weights{rows, channels, packed.data(), /*packed=*/true};
    Correlation<T>(windows, weights, target, addends, x, y).run();
  });
}

// The taps r of a kernel of `size` taps that reach, with this stride, the input positions of one
// residue: those with (position + padding - r) divisible by the stride. In the order in which a
// window over dy meets them, tap t is last - t stride.
struct Taps {
  std::int64_t count, last, offset;  // the window at residue + i stride begins at dy[i - offset]

  Taps(std::int64_t size, std::int64_t stride, std::int64_t padding, std::int64_t residue) {
    const std::int64_t first = (residue + padding) % stride;
    count = first < size ? (size - 1 - first) / stride + 1 : 0;
    last = first + (count - 1) * stride;
    offset = count - 1 - (residue + padding - first) / stride;
  }
};

// dx at the pixels (row + i stride, column + j stride): a dense correlation of dy with the taps
// that reach them.
template <class T>
void input_gradient_phase(const Conv2dShape& shape, std::int64_t row, std::int64_t column,
                          const T* dy, const T* weight, const Addends<T>& addends, T* dx,
                          Conv2dVariant variant) {
  const std::int64_t stride = shape.stride, taps = shape.r * shape.s * shape.c;
  const Taps r(shape.r, stride, shape.padding, row), s(shape.s, stride, shape.padding, column);
  const Windows windows{.n = shape.n,
                        .h = shape.out_h(),
                        .w = shape.out_w(),
                        .c = shape.k,
                        .r = r.count,
                        .s = s.count,
                        .stride = 1,
                        .top = r.offset,
                        .left = s.offset,
                        .out_h = (shape.h - row + stride - 1) / stride,
                        .out_w = (shape.w - column + stride - 1) / stride};
  if constexpr (std::is_same_v<T, float>) {
    if (stride == 1 && winograd::chosen(variant, winograd::correlate_pays(windows, shape.c))) {
      return winograd::correlate(
          windows, {.elements = weight, .c = shape.k, .k = shape.c, .transposed = true}, dy,
          addends, dx);
    }
  }
  // Where the weights of tap t of a window begin.
  const auto tap = [&](std::int64_t t) {
    return ((r.last - t / s.count * stride) * shape.s + s.last - t % s.count * stride) * shape.c;
  };
  const Target target{.h = shape.h,
                      .w = shape.w,
                      .k = shape.c,
                      .step = stride,
                      .first_row = row,
                      .first_column = column};
  const Scope scope("direct");
  const std::int64_t rows = r.count * s.count * shape.k;
  if (narrow<T>(windows, shape.c)) {
    const Scratch<T> columns(shape.c * rows);
    T* to = columns.data();
    for (std::int64_t c = 0; c < shape.c; ++c) {
      for (std::int64_t t = 0; t < r.count * s.count; ++t) {
        const T* from = weight + tap(t) + c;
        for (std::int64_t k = 0; k < shape.k; ++k) *to++ = from[k * taps];
      }
    }
    const Matrix<T> weights{rows, {0, shape.c}, columns.data(), /*packed=*/false};
    return Correlation<T>(windows, weights, target, addends, dy, dx).run();
  }
  correlate<T>(windows, target, addends, dy, dx, [&](const Channels& channels, T* packed) {
    parallel_for(r.count * s.count, 1 + (1 << 15) / (shape.k * channels.count),
                 [&](std::int64_t begin, std::int64_t end) {
                   for (std::int64_t t = begin; t < end; ++t) {
                     pack(rows, channels.count, t * shape.k, shape.k,
                          weight + tap(t) + channels.first, taps, 1, packed);
                   }
                 });
  });
}

}  // namespace

template <class T>
void conv2d_forward(const Stream&, const Conv2dShape& shape, const T* x, const Wide<T>* weight,
                    const Conv2dEpilogue<T>& epilogue, T* y, Conv2dVariant variant) {
  if (shape.n * shape.k == 0) return;
  const Windows windows = windows_of(shape);
  const Addends<T> addends(shape.n, shape.k, epilogue);
  if constexpr (std::is_same_v<T, float>) {
    if (winograd::chosen(variant, winograd::correlate_pays(windows, shape.k))) {
      return winograd::correlate(
          windows, {.elements = weight, .c = shape.c, .k = shape.k, .transposed = false}, x,
          addends, y);
    }
  }
  const Scope scope("direct");
  const std::int64_t taps = shape.r * shape.s * shape.c;
  const Target target{.h = windows.out_h, .w = windows.out_w, .k = shape.k};
  if (narrow<T>(windows, shape.k)) {
    const Matrix<T> weights{taps, {0, shape.k}, weight, /*packed=*/false};
    return Correlation<T>(windows, weights, target, addends, x, y).run();
  }
  correlate<T>(windows, target, addends, x, y, [&](const Channels& channels, T* packed) {
    parallel_for(taps, 1 + (1 << 15) / channels.count, [&](std::int64_t begin, std::int64_t end) {
      pack(taps, channels.count, begin, end - begin, weight + channels.first * taps + begin, 1,
           taps, packed);
    });
  });
}

template <class T>
void conv2d_input_gradient(const Stream&, const Conv2dShape& shape, const T* dy,
                           const Wide<T>* weight, bool accumulate, T* dx, Conv2dVariant variant) {
  if (shape.n * shape.c == 0) return;
  const Addends<T> addends(shape.n, shape.c, {.residual = accumulate ? dx : nullptr});
  for (std::int64_t row = 0; row < std::min(shape.stride, shape.h); ++row) {
    for (std::int64_t column = 0; column < std::min(shape.stride, shape.w); ++column) {
      input_gradient_phase(shape, row, column, dy, weight, addends, dx, variant);
    }
  }
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void conv2d_forward(const Stream&, const Conv2dShape&, const T*, const Wide<T>*,        \
                               const Conv2dEpilogue<T>&, T*, Conv2dVariant);                       \
  template void conv2d_input_gradient(const Stream&, const Conv2dShape&, const T*, const Wide<T>*, \
                                      bool, T*, Conv2dVariant);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
