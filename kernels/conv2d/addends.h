// SPDX-License-Identifier: MIT
// What the CPU adds to the sums of a convolution as it stores them.
#pragma once

#include <algorithm>
#include <cstdint>

#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/scratch.h"
#include "kernels/matmul/product.h"
#include "kernels/past_caches.h"

namespace telescope::kernels::cpu {

/// result[n, i, j, :] = sum + start(n)[:] + residual[n, i, j, :], where the start is bias plus offset.
template <class T>
class Addends {
 public:
  /// Of results [n, ..., k].
  Addends(std::int64_t n, std::int64_t k, const Conv2dEpilogue<T>& epilogue)
      : residual(epilogue.residual),
        width_(padded_columns<T>(k)),
        rows_(epilogue.offset ? n : 1),
        starts_(rows_ * width_) {
    std::fill_n(starts(), rows_ * width_, T{0});
    for (std::int64_t row = 0; row < rows_; ++row) {
      T* start = starts() + row * width_;
      if (epilogue.bias) std::copy_n(epilogue.bias, k, start);
      if (!epilogue.offset) continue;
      for (std::int64_t i = 0; i < k; ++i) start[i] += epilogue.offset[row * k + i];
    }
  }

  T* starts() const { return starts_.data(); }
  /// Where the start of image n stands, padded to whole vectors.
  std::int64_t start_at(std::int64_t n) const { return rows_ > 1 ? n * width_ : 0; }

  /// Whether a result [pixels, k] at y is to be written past the caches; not where it is there to be
  /// added to.
  bool written_past_caches(const T* y, std::int64_t pixels, std::int64_t k) const {
    return residual != y && cpu::written_past_caches(y, pixels, k);
  }

  const T* residual;  ///< of the results' layout, or null

 private:
  std::int64_t width_, rows_;
  Scratch<T> starts_;
};

}  // namespace telescope::kernels::cpu
