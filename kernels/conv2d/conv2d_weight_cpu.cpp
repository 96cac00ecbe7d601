// SPDX-License-Identifier: MIT
// Weight gradient: for each kernel row r, a product of dy (transposed) and the windows' run of S C
// elements, summed over pixels. The pixels are cut into chunks that depend on the shape alone; each
// chunk has a partial sum of its own, and these are added up in order, so that the result has the
// same bits on any number of threads.
#include <algorithm>
#include <type_traits>

#include "core/parallel.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/conv2d/windows.h"
#include "kernels/conv2d/winograd.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels::cpu {
namespace {

constexpr std::int64_t most_chunks = 16;     // threads that can be kept busy
constexpr std::int64_t chunk_pixels = 1024;  // fewer are not worth a partial sum

template <class T>
class WeightGradient {
 public:
  WeightGradient(const Conv2dShape& shape, const T* x, const T* dy)
      : shape_(shape),
        windows_(windows_of(shape)),
        x_(x),
        dy_(dy),
        blocks_(windows_, sizeof(T), wanted_chunks()),
        chunks_(std::min(blocks_.count(), wanted_chunks())) {}

  void add_to(T* dweight, T* dbias) const {
    const std::int64_t weights = dweight ? shape_.k * run() * shape_.r : 0;
    const std::int64_t biases = dbias ? shape_.k : 0, size = weights + biases;
    const Scratch<T> partials(chunks_ * size);
    T* partial = partials.data();
    parallel_for(chunks_, 1, [&](std::int64_t begin, std::int64_t end) {
      std::fill(partial + begin * size, partial + end * size, T{0});
      for (std::int64_t i = begin; i < end; ++i) {
        T* sum = partial + i * size;
        run_chunk(i, dweight ? sum : nullptr, dbias ? sum + weights : nullptr);
      }
    });
    add_partials(partial, size, 0, weights, dweight);
    add_partials(partial, size, weights, biases, dbias);
  }

 private:
  std::int64_t run() const { return shape_.s * shape_.c; }

  std::int64_t wanted_chunks() const {
    const std::int64_t pixels = shape_.n * shape_.out_h() * shape_.out_w();
    return std::clamp<std::int64_t>(pixels / chunk_pixels, 1, most_chunks);
  }

  void run_chunk(std::int64_t chunk, T* dweight, T* dbias) const {
    // The last vector of a run may read behind it: into the next pixel, or into this slack.
    const std::int64_t slack = padded_columns<T>(run()) - run();
    const std::int64_t padded_size = blocks_.images() * windows_.image_pitch(blocks_.rows());
    const Scratch<T> scratch(padded_size + slack);
    T* padded = scratch.data();
    const std::int64_t count = blocks_.count();
    for (std::int64_t i = count * chunk / chunks_; i < count * (chunk + 1) / chunks_; ++i) {
      const Block block = blocks_[i];
      if (dweight) copy_padded(windows_, block, x_, padded);
      for (std::int64_t n = 0; n < block.images; ++n) {
        const std::int64_t row = (block.image + n) * windows_.out_h + block.row;
        const T* dy = dy_ + row * windows_.out_w * shape_.k;
        if (dweight) {
          add_weights(block.rows, padded + n * windows_.image_pitch(block.rows), dy, dweight);
        }
        if (dbias) add_bias(block.rows * windows_.out_w, dy, dbias);
      }
    }
  }

  // Adds what `rows` rows of windows of one image contribute.
  void add_weights(std::int64_t rows, const T* padded, const T* dy, T* dweight) const {
    constexpr std::int64_t most = 64;  // output channels in one call of the inner kernel
    std::int64_t a_row[most], c_row[most];
    for (std::int64_t k = 0; k < shape_.k; k += most) {
      const std::int64_t m = std::min(most, shape_.k - k);
      for (std::int64_t i = 0; i < m; ++i) {
        a_row[i] = k + i;
        c_row[i] = (k + i) * shape_.r * run();
      }
      for (std::int64_t r = 0; r < shape_.r; ++r) {
        multiply(Product<T>{.m = m,
                            .n = run(),
                            .runs = rows,
                            .length = windows_.out_w,
                            .a = dy,
                            .a_row = a_row,
                            .a_run = windows_.out_w * shape_.k,
                            .a_step = shape_.k,
                            .b = padded + r * windows_.pitch(),
                            .packed = false,
                            .b_run = shape_.stride * windows_.pitch(),
                            .b_step = shape_.stride * shape_.c,
                            .addend = dweight + r * run(),
                            .c = dweight + r * run(),
                            .c_row = c_row});
      }
    }
  }

  void add_bias(std::int64_t pixels, const T* dy, T* dbias) const {
    for (std::int64_t p = 0; p < pixels; ++p, dy += shape_.k) {
      for (std::int64_t k = 0; k < shape_.k; ++k) dbias[k] += dy[k];
    }
  }

  void add_partials(const T* partial, std::int64_t size, std::int64_t first, std::int64_t count,
                    T* sum) const {
    parallel_for(count, 1 << 14, [=, this](std::int64_t begin, std::int64_t end) {
      for (std::int64_t chunk = 0; chunk < chunks_; ++chunk) {
        const T* from = partial + chunk * size + first;
        for (std::int64_t i = begin; i < end; ++i) sum[i] += from[i];
      }
    });
  }

  Conv2dShape shape_;
  Windows windows_;
  const T* x_;
  const T* dy_;
  Blocks blocks_;
  std::int64_t chunks_;
};

}  // namespace

template <class T>
void conv2d_weight_gradient(const Stream&, const Conv2dShape& shape, const T* x, const T* dy,
                            Wide<T>* dweight, Wide<T>* dbias, Conv2dVariant variant) {
  if (shape.n * shape.k == 0) return;
  if constexpr (std::is_same_v<T, float>) {
    const Windows windows = windows_of(shape);
    if (dweight && winograd::chosen(variant, windows, shape.k)) {
      winograd::weight_gradient(windows, shape.k, x, dy, dweight);
      dweight = nullptr;
    }
  }
  if (dweight || dbias) WeightGradient<T>(shape, x, dy).add_to(dweight, dbias);
}

template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const float*, const float*,
                                     float*, float*, Conv2dVariant);
template void conv2d_weight_gradient(const Stream&, const Conv2dShape&, const double*,
                                     const double*, double*, double*, Conv2dVariant);

}  // namespace telescope::kernels::cpu
