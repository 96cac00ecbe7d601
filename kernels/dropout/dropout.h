// SPDX-License-Identifier: MIT
// Dropout whose mask belongs to a sample and a place on the finest mesh, not to an array: the same
// sample on two meshes, or in two batches, loses the same features. (Srivastava et al.: "Dropout: a
// simple way to prevent neural networks from overfitting", JMLR 15, 2014.)
#pragma once

#include <cmath>
#include <cstdint>

#include "core/device.h"
#include "core/philox.h"

namespace telescope::kernels {

/// Images [n, h, w, c].
struct DropoutShape {
  std::int64_t n = 0, h = 1, w = 1, c = 1;
  std::int64_t numel() const { return n * h * w * c; }
};

/// Names a mask. `spacing` is the distance of neighbouring pixels in pixels of the finest mesh, so
/// that the mask on a mesh of spacing 2 s is every other row and column of that of spacing s. Where
/// `step` is not null, the device reads the step of the key there when it gets to it, so that a
/// captured CUDA graph can be replayed with new masks.
struct DropoutKey {
  RandomKey key;
  std::int64_t spacing = 1;
  const std::int64_t* step = nullptr;
};

/// The key of one sample: two words, and a third for its counters.
constexpr PhiloxBlock dropout_sample_words(const RandomKey& key, std::int64_t sample_id) {
  return key.words(static_cast<std::uint64_t>(sample_id));
}

/// The random words of channels 4 group to 4 group + 3 of a pixel, at row y and column x of the
/// finest mesh. This is the definition of the mask; the vector code computes the same.
constexpr PhiloxBlock dropout_words(const PhiloxBlock& sample, std::uint32_t y, std::uint32_t x,
                                    std::uint32_t group) {
  return philox({x, y, group, sample[2]}, {sample[0], sample[1]});
}

/// A feature is dropped if the upper 24 bits of its word are below this.
inline std::int32_t dropout_threshold(double p) {
  return static_cast<std::int32_t>(std::lround(p * 0x1p24));
}

/// y = x / (1 - p) where kept, 0 where dropped; the feature (n, i, j, c) is dropped with
/// probability p, decided by (key, sample_ids[n], i spacing, j spacing, c) alone. p from 0 to 1;
/// rows and columns times spacing must stay below 2^32. sample_ids [n]. y may be x. Backward is the same function
/// of dy: nothing is saved but the key and the ids.
template <class T>
void dropout(const Stream& stream, const DropoutShape& shape, const DropoutKey& key, double p,
             const std::int64_t* sample_ids, const T* x, T* y);

}  // namespace telescope::kernels
