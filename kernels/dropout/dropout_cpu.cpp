// SPDX-License-Identifier: MIT
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/dropout/dropout_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/memory.h"
#include "core/parallel.h"
#include "kernels/dropout/dropout.h"
#include "kernels/random/philox_simd.h"
#include "kernels/simd.h"

namespace telescope::kernels::cpu {
#ifndef TELESCOPE_DROPOUT_ROW
#define TELESCOPE_DROPOUT_ROW
// The counters of a row of pixels, one for each four channels: the same for all rows. Both arrays
// are longer by a vector, so that the last one can be loaded whole.
struct DropoutRow {
  std::int64_t counters, channels, groups;  // counters = pixels * groups
  const std::uint32_t *column, *group;
  std::uint32_t spacing;
};
template <class T>
struct DropoutRule {
  std::int32_t threshold;
  T scale;
};
#endif
}  // namespace telescope::kernels::cpu

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE T apply(const cpu::DropoutRule<T>& rule, std::int32_t word, T x) {
  const T kept = rule.scale * x;  // before the choice, so that there is no branch
  return word >= rule.threshold ? kept : T{0};
}

template <class T>
void dropout_row(const cpu::DropoutRow& row, const cpu::DropoutRule<T>& rule,
                 const PhiloxBlock& sample, std::uint32_t fine_row, const T* x, T* y) {
  const hn::ScalableTag<std::uint32_t> d;
  const hn::ScalableTag<std::int32_t> di;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  HWY_ALIGN std::int32_t words[4 * HWY_MAX_BYTES / sizeof(std::int32_t)];
  const auto upper = [=](auto word) HWY_ATTR { return hn::BitCast(di, hn::ShiftRight<8>(word)); };
  for (std::int64_t q = 0; q < row.counters; q += lanes) {
    const auto column = hn::Mul(hn::LoadU(d, row.column + q), hn::Set(d, row.spacing));
    const PhiloxVectors<decltype(column)> counter = {
        column, hn::Set(d, fine_row), hn::LoadU(d, row.group + q), hn::Set(d, sample[2])};
    const auto w = philox_vectors(d, counter, {sample[0], sample[1]});
    hn::StoreInterleaved4(upper(w.word0), upper(w.word1), upper(w.word2), upper(w.word3), di,
                          words);
    const std::int64_t count = std::min(lanes, row.counters - q);
    if (row.channels % 4 == 0) {
      const T* from = x + 4 * q;
      T* to = y + 4 * q;
      for (std::int64_t k = 0; k < 4 * count; ++k) to[k] = apply(rule, words[k], from[k]);
      continue;
    }
    for (std::int64_t k = 0; k < count; ++k) {  // the last group of each pixel is not full
      const std::int64_t first = 4 * row.group[q + k];
      const std::int64_t at = row.column[q + k] * row.channels + first;
      const std::int64_t end = std::min<std::int64_t>(4, row.channels - first);
      for (std::int64_t j = 0; j < end; ++j) {
        y[at + j] = words[4 * k + j] >= rule.threshold ? rule.scale * x[at + j] : T{0};
      }
    }
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

constexpr std::int64_t grain = 1 << 13;  // elements worth a thread
constexpr std::int64_t most_lanes = HWY_MAX_BYTES / sizeof(std::uint32_t);

template <class T>
void dropout(const Stream&, const DropoutShape& shape, const DropoutKey& named, double p,
             const std::int64_t* sample_ids, const T* x, T* y) {
  const auto [n, h, w, c] = shape;
  DropoutKey key = named;
  if (key.step) key.key.step = static_cast<std::uint64_t>(*key.step);
  const std::int64_t groups = (c + 3) / 4, counters = w * groups, padded = counters + most_lanes;
  const Storage workspace =
      Storage::allocate(static_cast<std::size_t>(2 * padded) * sizeof(std::uint32_t), Device());
  auto* column = reinterpret_cast<std::uint32_t*>(workspace.data());
  auto* group = column + padded;
  for (std::int64_t q = 0; q < padded; ++q) {
    column[q] = static_cast<std::uint32_t>(q / groups);
    group[q] = static_cast<std::uint32_t>(q % groups);
  }
  const DropoutRow row{counters, c, groups, column, group, static_cast<std::uint32_t>(key.spacing)};
  const DropoutRule<T> rule{dropout_threshold(p), static_cast<T>(p < 1 ? 1 / (1 - p) : 0)};
  const auto drop = TELESCOPE_SIMD(dropout_row<T>);
  const std::int64_t height = h, length = w * c;
  parallel_for(n * h, grain / length, [=, &key, &row, &rule](std::int64_t r, std::int64_t end) {
    for (; r < end; ++r) {
      const PhiloxBlock sample = dropout_sample_words(key.key, sample_ids[r / height]);
      const auto fine_row = static_cast<std::uint32_t>(r % height * key.spacing);
      drop(row, rule, sample, fine_row, x + r * length, y + r * length);
    }
  });
}

template void dropout(const Stream&, const DropoutShape&, const DropoutKey&, double,
                      const std::int64_t*, const float*, float*);
template void dropout(const Stream&, const DropoutShape&, const DropoutKey&, double,
                      const std::int64_t*, const double*, double*);

}  // namespace telescope::kernels::cpu
#endif
