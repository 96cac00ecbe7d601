// SPDX-License-Identifier: MIT
// Bound by memory. Sums run down the pixels, each thread's own, in double: neighbouring threads take
// neighbouring channels, so that loads are whole lines; the partial sums of a block's rows of
// threads and of the pieces are added in their order.
#include "kernels/channel/channel.h"
#include "kernels/simt/channels.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

template <class T>
struct AddVector {
  const Wide<T>* e;
  template <int width>
  __device__ __forceinline__ void apply(std::int64_t vector, Pack<float, width>& y,
                                        const Pack<T, width>& x) const {
    const auto own = load<width>(e + vector);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) y[k] = static_cast<float>(x[k]) + own[k];
  }
};

template <class T>
struct PlainSum {
  static constexpr int sums = 1;
  const T* x;
  template <int width>
  __device__ __forceinline__ void add(const Channels& shape, std::int64_t sample,
                                      std::int64_t channel, std::int64_t first, int step,
                                      std::int64_t end, double (&sum)[1][width]) const {
    const T* const at = x + sample * shape.pixels * shape.c + channel;
    for (std::int64_t p = first; p < end; p += step) {
      const Pack<T, width> pack = load<width>(at + p * shape.c);
      TELESCOPE_UNROLL
      for (int k = 0; k < width; ++k) sum[0][k] += double{static_cast<float>(pack[k])};
    }
  }
};

template <int width, class T>
void sum_in_packs(const Stream& stream, const Channels& shape, const T* dy, Wide<T>* de) {
  const ChannelPieces pieces(shape, width);
  const std::int64_t vectors = shape.n * shape.c;
  const Workspace<double> partial(vectors * pieces.per_sample, stream.device());
  channel_sums<width>(stream, PlainSum<T>{dy}, pieces, partial.data());
  finish_rows(stream, vectors, pieces.per_sample, 1, partial.data(), de);
}

// A thread for each channel.
template <class T>
__global__ void __launch_bounds__(256)
    sum_over_samples_kernel(std::int64_t n, std::int64_t c, const T* e, T* sum) {
  const std::int64_t k = grid_thread();
  if (k >= c) return;
  double total = 0;
  for (std::int64_t i = 0; i < n; ++i) total += double{e[i * c + k]};
  sum[k] += static_cast<T>(total);
}

}  // namespace

template <class T>
void add_per_channel(const Stream& stream, const PerChannel& shape, const T* x, const Wide<T>* e,
                     T* y) {
  channel_map(stream, AddVector<T>{e}, {shape.n, shape.pixels, shape.c}, aligned_to(16, e), y, x);
}

template <class T>
void sum_per_channel(const Stream& stream, const PerChannel& shape, const T* dy, Wide<T>* de) {
  constexpr int width = 16 / sizeof(T);
  const Channels channels{shape.n, shape.pixels, shape.c};
  if (shape.n * shape.c == 0) return;
  if (channels.whole_vectors(width) && aligned_to(16, dy)) {
    return sum_in_packs<width>(stream, channels, dy, de);
  }
  sum_in_packs<1>(stream, channels, dy, de);
}

template <class T>
void sum_over_samples(const Stream& stream, std::int64_t n, std::int64_t c, const T* e, T* sum) {
  launch<sum_over_samples_kernel<T>>(stream, blocks_for(c, 256), 256, 0, n, c, e, sum);
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void add_per_channel(const Stream&, const PerChannel&, const T*, const Wide<T>*, T*); \
  template void sum_per_channel(const Stream&, const PerChannel&, const T*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE
template void sum_over_samples(const Stream&, std::int64_t, std::int64_t, const float*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
