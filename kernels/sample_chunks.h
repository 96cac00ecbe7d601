// SPDX-License-Identifier: MIT
// Threads for what is computed sample by sample: sums over each sample, then each of its elements.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"

namespace telescope::kernels {

/// A batch of `samples` of `size` units (elements, or pixels), each cut into chunks of `chunk`
/// units. Sums are taken chunk by chunk, then over the chunks in order, for every number of
/// threads.
struct SampleChunks {
  std::int64_t samples, size, chunk;

  std::int64_t per_sample() const { return (size + chunk - 1) / chunk; }
  std::int64_t total() const { return samples * per_sample(); }

  /// Calls f(sample, number, begin, end) for every chunk: its number counts through the batch, its
  /// units are [begin, end) of the sample.
  template <class F>
  void for_each(F&& f) const {
    parallel_for(total(), 4, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t i = first; i < last; ++i) call(i, f);
    });
  }

  /// For every sample: reduce(sample, number, begin, end) for its chunks, combine(sample), then
  /// apply(sample, number, begin, end) for its chunks. Threads share out samples, or the chunks of
  /// one sample after the other; either way a sample is read again while it is still in a cache.
  template <class Reduce, class Combine, class Apply>
  void reduce_then_apply(Reduce&& reduce, Combine&& combine, Apply&& apply) const {
    const std::int64_t pieces = per_sample(), threads = thread_count();
    const bool whole_samples = pieces < 8 || samples % threads == 0 || samples >= 4 * threads;
    const auto sample_on_threads = [&](std::int64_t s, std::int64_t grain) {
      parallel_for(pieces, grain, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) call(s * pieces + i, reduce);
      });
      combine(s);
      parallel_for(pieces, grain, [&](std::int64_t first, std::int64_t last) {
        for (std::int64_t i = first; i < last; ++i) call(s * pieces + i, apply);
      });
    };
    if (!whole_samples) {
      for (std::int64_t s = 0; s < samples; ++s) sample_on_threads(s, 4);
      return;
    }
    const std::int64_t grain = std::max<std::int64_t>(4 / std::max<std::int64_t>(pieces, 1), 1);
    parallel_for(samples, grain, [&](std::int64_t first, std::int64_t last) {
      for (std::int64_t s = first; s < last; ++s) sample_on_threads(s, pieces);
    });
  }

 private:
  template <class F>
  void call(std::int64_t number, F& f) const {
    const std::int64_t sample = number / per_sample(), begin = number % per_sample() * chunk;
    f(sample, number, begin, std::min(begin + chunk, size));
  }
};

}  // namespace telescope::kernels
