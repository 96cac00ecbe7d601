// SPDX-License-Identifier: MIT
// One counter of Philox a thread: four elements, one store of 16 bytes. About 100 integer
// instructions a counter (and 70 of floats for normal deviates) against 16 bytes: bound by
// arithmetic, a little below what memory takes.
#include "kernels/random/box_muller.h"
#include "kernels/random/random.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256;

struct Uniform {
  float low, width;
  __device__ float one(std::uint32_t word) const {
    return rounded::sum(low, rounded::product(width, uniform01(word)));
  }
  __device__ NormalPair pair(std::uint32_t word0, std::uint32_t word1) const {
    return {one(word0), one(word1)};
  }
};

struct Normal {
  __device__ NormalPair pair(std::uint32_t word0, std::uint32_t word1) const {
    return normal_pair(word0, word1);
  }
};

// `whole`: four elements may be stored at once.
template <class Distribution, class T>
__global__ void random_kernel(Distribution distribution, RandomKey key, std::int64_t n, bool whole,
                              T* out) {
  const std::int64_t block = grid_thread(), first = 4 * block;
  if (first >= n) return;
  const PhiloxBlock words = key.words(static_cast<std::uint64_t>(block));
  const auto [a, b] = distribution.pair(words[0], words[1]);
  const auto [c, d] = distribution.pair(words[2], words[3]);
  const Pack<T, 4> four{static_cast<T>(a), static_cast<T>(b), static_cast<T>(c), static_cast<T>(d)};
  if (whole && first + 4 <= n) {
    store(out + first, four);
  } else {
    TELESCOPE_UNROLL
    for (int k = 0; k < 4; ++k) {
      if (first + k < n) out[first + k] = four[k];
    }
  }
}

template <class Distribution, class T>
void fill(const Stream& stream, const Distribution& distribution, const RandomKey& key,
          std::int64_t n, T* out) {
  launch<random_kernel<Distribution, T>>(stream, blocks_for((n + 3) / 4, threads), threads, 0,
                                         distribution, key, n, aligned_to(4 * sizeof(T), out), out);
}

}  // namespace

template <class T>
void fill_uniform(const Stream& stream, const RandomKey& key, std::int64_t n, float low, float high,
                  T* out) {
  fill(stream, Uniform{low, high - low}, key, n, out);
}

template <class T>
void fill_normal(const Stream& stream, const RandomKey& key, std::int64_t n, T* out) {
  fill(stream, Normal{}, key, n, out);
}

template void fill_uniform(const Stream&, const RandomKey&, std::int64_t, float, float, float*);
template void fill_normal(const Stream&, const RandomKey&, std::int64_t, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
