// SPDX-License-Identifier: MIT
// A block of Philox (about 100 integer instructions) for each four channels of a pixel, against 32
// bytes of traffic: arithmetic and memory take about the same time; with bf16 and 16 bytes arithmetic
// bounds it. The words of the sample cost another block, so a thread looks them up once for four
// groups of channels. Samples lie along y.
#include "kernels/dropout/dropout.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256, groups_a_thread = 4;

struct Mask {
  RandomKey key;
  const std::int64_t* step;
  unsigned h, w, c, groups, spacing;
  std::int32_t threshold;
  float scale;
};

template <class T>
__device__ __forceinline__ T apply(const Mask& mask, std::uint32_t word, T x) {
  const bool kept = static_cast<std::int32_t>(word >> 8) >= mask.threshold;
  return static_cast<T>(kept ? mask.scale * static_cast<float>(x) : 0.f);
}

// `whole`: pixels are whole groups of four channels, aligned to them.
template <bool whole, class T>
__global__ void __launch_bounds__(threads)
    dropout_kernel(Mask mask, std::int64_t n, const std::int64_t* sample_ids, const T* x, T* y) {
  const unsigned items = mask.h * mask.w * mask.groups;
  if (mask.step) mask.key.step = static_cast<std::uint64_t>(*mask.step);
  for (std::int64_t i = blockIdx.y; i < n; i += gridDim.y) {
    const PhiloxBlock sample = dropout_sample_words(mask.key, sample_ids[i]);
    const std::int64_t image = i * mask.h * mask.w * mask.c;
    unsigned q = blockIdx.x * (threads * groups_a_thread) + threadIdx.x;
    for (int k = 0; k < groups_a_thread && q < items; ++k, q += threads) {
      const unsigned pixel = q / mask.groups, group = q - pixel * mask.groups;
      const unsigned row = pixel / mask.w, column = pixel - row * mask.w;
      const PhiloxBlock words =
          dropout_words(sample, row * mask.spacing, column * mask.spacing, group);
      const std::int64_t at = image + std::int64_t{pixel} * mask.c + 4 * group;
      if constexpr (whole) {
        auto four = load<4>(x + at);
        TELESCOPE_UNROLL
        for (int j = 0; j < 4; ++j) four[j] = apply(mask, words[j], four[j]);
        store(y + at, four);
      } else {
        TELESCOPE_UNROLL
        for (unsigned j = 0; j < 4; ++j) {
          if (4 * group + j < mask.c) y[at + j] = apply(mask, words[j], x[at + j]);
        }
      }
    }
  }
}

}  // namespace

template <class T>
void dropout(const Stream& stream, const DropoutShape& s, const DropoutKey& key, double p,
             const std::int64_t* sample_ids, const T* x, T* y) {
  const std::int64_t groups = (s.c + 3) / 4, items = s.h * s.w * groups;
  if (items >= std::int64_t{1} << 31) {
    raise("dropout", "expected samples of less than 2^33 elements, got {}", s.h * s.w * s.c);
  }
  const auto u32 = [](std::int64_t value) { return static_cast<unsigned>(value); };
  const Mask mask{.key = key.key,
                  .step = key.step,
                  .h = u32(s.h),
                  .w = u32(s.w),
                  .c = u32(s.c),
                  .groups = u32(groups),
                  .spacing = u32(key.spacing),
                  .threshold = dropout_threshold(p),
                  .scale = static_cast<float>(p < 1 ? 1 / (1 - p) : 0)};
  const dim3 grid(blocks_for(items, threads * groups_a_thread), blocks_for(s.n, 1, 65535));
  if (s.c % 4 == 0 && aligned_to(4 * sizeof(T), x, y)) {
    launch<dropout_kernel<true, T>>(stream, grid, threads, 0, mask, s.n, sample_ids, x, y);
  } else {
    launch<dropout_kernel<false, T>>(stream, grid, threads, 0, mask, s.n, sample_ids, x, y);
  }
}

#define TELESCOPE_INSTANTIATE(T)                                                       \
  template void dropout(const Stream&, const DropoutShape&, const DropoutKey&, double, \
                        const std::int64_t*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
