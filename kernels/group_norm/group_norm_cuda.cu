// SPDX-License-Identifier: MIT
// Bound by memory: sums per channel down the pixels, a small kernel that makes of them a few numbers
// per channel, and a map with those numbers. The map's read comes out of the second-level cache where
// the batch fits it.
#include "kernels/group_norm/group_norm.h"
#include "kernels/simt/channels.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int finish_threads = 128;

// What the maps take per sample and channel, arrays [n, channels]:
//   forward    y  = (x - centre) slope + offset
//   backward   dx = dy slope + (x - centre) curve + offset
// `centre` is the mean rounded to float; what rounding cuts off goes into the offset.
struct Factors {
  float *centre, *slope, *offset, *curve;
  static constexpr int arrays = 4;
  Factors(float* memory, std::int64_t vectors)
      : centre(memory),
        slope(memory + vectors),
        offset(memory + 2 * vectors),
        curve(memory + 3 * vectors) {}
};

// --- forward --------------------------------------------------------------------------------------

// Of x - pivot and of its square, with the group's first element as pivot: the sums of a group's
// channels and pieces can be added. A thread takes 8 pixels about their own mean, so that sums in
// float are small.
template <class T>
struct SumsAboutPivot {
  static constexpr int sums = 2, tile = 8;
  const T* x;
  std::int64_t group_channels;

  template <int width>
  __device__ __forceinline__ void add(const Channels& shape, std::int64_t sample,
                                      std::int64_t channel, std::int64_t first, int step,
                                      std::int64_t end, double (&sum)[2][width]) const {
    const T* const of_sample = x + sample * shape.pixels * shape.c;
    float pivot[width];
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      pivot[k] = static_cast<float>(of_sample[(channel + k) / group_channels * group_channels]);
    }
    for (std::int64_t p = first; p < end; p += tile * step) {
      Pack<T, width> v[tile] = {};
      int own = 0;
      TELESCOPE_UNROLL
      for (int j = 0; j < tile; ++j) {
        if (p + j * step >= end) continue;
        v[j] = load<width>(of_sample + (p + j * step) * shape.c + channel);
        own = j + 1;
      }
      TELESCOPE_UNROLL
      for (int k = 0; k < width; ++k) add_tile(v, k, own, pivot[k], sum[0][k], sum[1][k]);
    }
  }

  template <int width>
  static __device__ __forceinline__ void add_tile(const Pack<T, width> (&v)[tile], int k, int own,
                                                  float pivot, double& sum, double& squares) {
    float total = 0, first = 0, second = 0;
    TELESCOPE_UNROLL
    for (int j = 0; j < tile; ++j) total += static_cast<float>(v[j][k]);
    const float mean = __fdividef(total, static_cast<float>(own));  // close to it is enough
    TELESCOPE_UNROLL
    for (int j = 0; j < tile; ++j) {
      const float deviation = j < own ? static_cast<float>(v[j][k]) - mean : 0.f;
      first += deviation;
      second = fmaf(deviation, deviation, second);
    }
    const double gap = double{mean} - double{pivot};
    sum += first + own * gap;
    squares += second + gap * (2 * double{first} + own * gap);
  }
};

// A block for each group of each sample.
template <class T>
__global__ void __launch_bounds__(finish_threads)
    forward_factors_kernel(GroupNormShape shape, double eps, std::int64_t pieces,
                           const double* partial, const T* x, const float* weight,
                           const float* bias, Factors factors, double* mean, double* rstd) {
  const std::int64_t width = shape.group_channels(), run = width * pieces;
  const std::int64_t sample = blockIdx.x / static_cast<unsigned>(shape.groups);
  const std::int64_t group = blockIdx.x % static_cast<unsigned>(shape.groups);
  const double* const of_group = partial + blockIdx.x * run;
  const std::int64_t second = shape.n * shape.channels * pieces;
  double sum = 0, squares = 0;
  for (std::int64_t i = threadIdx.x; i < run; i += finish_threads) {
    sum += of_group[i];
    squares += of_group[second + i];
  }
  sum = block_sum<finish_threads>(sum);
  squares = block_sum<finish_threads>(squares);
  const auto size = static_cast<double>(shape.group_size());
  const double pivot{static_cast<float>(x[sample * shape.pixels * shape.channels + group * width])};
  const double shift = sum / size, variance = squares / size - shift * shift;
  const double centre = pivot + shift;
  const double scale = 1 / sqrt((variance < 0 ? 0 : variance) + eps);  // keeps NaN
  if (threadIdx.x == 0) {
    mean[blockIdx.x] = centre;
    rstd[blockIdx.x] = scale;
  }
  const auto high = static_cast<float>(centre);
  for (std::int64_t c = threadIdx.x; c < width; c += finish_threads) {
    const std::int64_t channel = group * width + c, at = sample * shape.channels + channel;
    const double slope = scale * double{weight[channel]};
    factors.centre[at] = high;
    factors.slope[at] = static_cast<float>(slope);
    factors.offset[at] =
        static_cast<float>((double{high} - centre) * slope + double{bias[channel]});
  }
}

template <class T>
struct Normalise {
  Factors factors;
  template <int width>
  __device__ __forceinline__ void apply(std::int64_t vector, Pack<float, width>& y,
                                        const Pack<T, width>& x) const {
    const auto centre = load<width>(factors.centre + vector);
    const auto slope = load<width>(factors.slope + vector);
    const auto offset = load<width>(factors.offset + vector);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      y[k] = fmaf(static_cast<float>(x[k]) - centre[k], slope[k], offset[k]);
    }
  }
};

// --- backward -------------------------------------------------------------------------------------

// Of dy and of dy (x - centre).
template <class T>
struct BackwardSums {
  static constexpr int sums = 2;
  const T *x, *dy;
  const double* mean;
  std::int64_t groups, group_channels;

  template <int width>
  __device__ __forceinline__ void add(const Channels& shape, std::int64_t sample,
                                      std::int64_t channel, std::int64_t first, int step,
                                      std::int64_t end, double (&sum)[2][width]) const {
    const std::int64_t start = sample * shape.pixels * shape.c + channel;
    float centre[width];
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      centre[k] = static_cast<float>(mean[sample * groups + (channel + k) / group_channels]);
    }
    for (std::int64_t p = first; p < end; p += step) {
      const auto u = load<width>(x + start + p * shape.c);
      const auto g = load<width>(dy + start + p * shape.c);
      TELESCOPE_UNROLL
      for (int k = 0; k < width; ++k) {
        const auto gradient = static_cast<float>(g[k]);
        sum[0][k] += double{gradient};
        sum[1][k] += double{gradient} * double{static_cast<float>(u[k]) - centre[k]};
      }
    }
  }
};

// A block for each group of each sample, a warp for each channel of it in turn. sums [2, n, channels]
// becomes the sums of dy and of dy x'.
__global__ void __launch_bounds__(finish_threads)
    backward_factors_kernel(GroupNormShape shape, std::int64_t pieces, const double* partial,
                            const float* weight, const double* mean, const double* rstd,
                            Factors factors, double* sums) {
  const std::int64_t width = shape.group_channels(), vectors = shape.n * shape.channels;
  const std::int64_t sample = blockIdx.x / static_cast<unsigned>(shape.groups);
  const std::int64_t group = blockIdx.x % static_cast<unsigned>(shape.groups);
  const double scale = rstd[blockIdx.x];
  const auto high = static_cast<float>(mean[blockIdx.x]);
  const double low = mean[blockIdx.x] - double{high};
  double mean_dy = 0, mean_dy_x = 0;
  for (std::int64_t c = warp_number(); c < width; c += finish_threads / 32) {
    const std::int64_t channel = group * width + c, at = sample * shape.channels + channel;
    double sum_dy = 0, sum_dy_x = 0;
    for (std::int64_t i = lane_number(); i < pieces; i += 32) {
      sum_dy += partial[at * pieces + i];
      sum_dy_x += partial[(vectors + at) * pieces + i];
    }
    sum_dy = warp_sum(sum_dy);
    sum_dy_x = (warp_sum(sum_dy_x) - low * sum_dy) * scale;
    if (lane_number() > 0) continue;
    sums[at] = sum_dy;
    sums[vectors + at] = sum_dy_x;
    mean_dy += double{weight[channel]} * sum_dy;
    mean_dy_x += double{weight[channel]} * sum_dy_x;
  }
  const auto size = static_cast<double>(shape.group_size());
  mean_dy = block_sum<finish_threads>(mean_dy) / size;
  mean_dy_x = block_sum<finish_threads>(mean_dy_x) / size;
  for (std::int64_t c = threadIdx.x; c < width; c += finish_threads) {
    const std::int64_t channel = group * width + c, at = sample * shape.channels + channel;
    factors.centre[at] = high;
    factors.slope[at] = static_cast<float>(scale * double{weight[channel]});
    factors.curve[at] = static_cast<float>(-scale * scale * mean_dy_x);
    factors.offset[at] = static_cast<float>(scale * (scale * mean_dy_x * low - mean_dy));
  }
}

template <class T>
struct Project {
  Factors factors;
  template <int width>
  __device__ __forceinline__ void apply(std::int64_t vector, Pack<float, width>& dx,
                                        const Pack<T, width>& x, const Pack<T, width>& dy) const {
    const auto centre = load<width>(factors.centre + vector);
    const auto slope = load<width>(factors.slope + vector);
    const auto offset = load<width>(factors.offset + vector);
    const auto curve = load<width>(factors.curve + vector);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      const float bent = fmaf(static_cast<float>(x[k]) - centre[k], curve[k], offset[k]);
      dx[k] = fmaf(static_cast<float>(dy[k]), slope[k], bent);
    }
  }
};

// dbias += the sum over samples of sums[0], dweight of sums[1]; a thread for each channel.
__global__ void __launch_bounds__(256)
    add_over_samples_kernel(std::int64_t n, std::int64_t channels, const double* sums,
                            float* dweight, float* dbias) {
  const std::int64_t c = grid_thread();
  if (c >= channels) return;
  double sum_dy = 0, sum_dy_x = 0;
  for (std::int64_t s = 0; s < n; ++s) {
    sum_dy += sums[s * channels + c];
    sum_dy_x += sums[(n + s) * channels + c];
  }
  if (dbias) dbias[c] += static_cast<float>(sum_dy);
  if (dweight) dweight[c] += static_cast<float>(sum_dy_x);
}

// --- launches -------------------------------------------------------------------------------------

Channels channels_of(const GroupNormShape& shape) {
  return {shape.n, shape.pixels, shape.channels};
}

struct PartialSums {
  std::int64_t pieces;  // of a sample
  Workspace<double> memory;
};

template <int width, class F>
PartialSums sums_in_packs(const Stream& stream, const GroupNormShape& shape, const F& f) {
  const ChannelPieces pieces(channels_of(shape), width);
  const std::int64_t vectors = F::sums * shape.n * shape.channels;
  PartialSums sums{pieces.per_sample,
                   Workspace<double>(vectors * pieces.per_sample, stream.device())};
  channel_sums<width>(stream, f, pieces, sums.memory.data());
  return sums;
}

template <class T, class F>
PartialSums partial_sums(const Stream& stream, const GroupNormShape& shape, bool vectors,
                         const F& f) {
  constexpr int width = 16 / sizeof(T);
  if (vectors && shape.channels % width == 0) return sums_in_packs<width>(stream, shape, f);
  return sums_in_packs<1>(stream, shape, f);
}

}  // namespace

template <class T>
void group_norm(const Stream& stream, const GroupNormShape& shape, double eps, const T* x,
                const Wide<T>* weight, const Wide<T>* bias, T* y, double* mean, double* rstd) {
  const std::int64_t vectors = shape.n * shape.channels;
  const Workspace<float> memory(vectors * Factors::arrays, stream.device());
  const Factors factors(memory.data(), vectors);
  const auto sums = partial_sums<T>(stream, shape, aligned_to(16, x),
                                    SumsAboutPivot<T>{x, shape.group_channels()});
  launch<forward_factors_kernel<T>>(stream, static_cast<unsigned>(shape.n * shape.groups),
                                    finish_threads, 0, shape, eps, sums.pieces, sums.memory.data(),
                                    x, weight, bias, factors, mean, rstd);
  channel_map(stream, Normalise<T>{factors}, channels_of(shape), true, y, x);
}

template <class T>
void group_norm_backward(const Stream& stream, const GroupNormShape& shape, const T* x,
                         const Wide<T>* weight, const double* mean, const double* rstd, const T* dy,
                         T* dx, Wide<T>* dweight, Wide<T>* dbias) {
  const std::int64_t vectors = shape.n * shape.channels;
  const Workspace<float> memory(vectors * Factors::arrays, stream.device());
  const Workspace<double> sums(2 * vectors, stream.device());
  const Factors factors(memory.data(), vectors);
  const auto partial =
      partial_sums<T>(stream, shape, aligned_to(16, x, dy),
                      BackwardSums<T>{x, dy, mean, shape.groups, shape.group_channels()});
  launch<backward_factors_kernel>(stream, static_cast<unsigned>(shape.n * shape.groups),
                                  finish_threads, 0, shape, partial.pieces, partial.memory.data(),
                                  weight, mean, rstd, factors, sums.data());
  if (dx) channel_map(stream, Project<T>{factors}, channels_of(shape), true, dx, x, dy);
  if (dweight || dbias) {
    launch<add_over_samples_kernel>(stream, blocks_for(shape.channels, 256), 256, 0, shape.n,
                                    shape.channels, sums.data(), dweight, dbias);
  }
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void group_norm(const Stream&, const GroupNormShape&, double, const T*, const Wide<T>*, \
                           const Wide<T>*, T*, double*, double*);                                  \
  template void group_norm_backward(const Stream&, const GroupNormShape&, const T*,                \
                                    const Wide<T>*, const double*, const double*, const T*, T*,    \
                                    Wide<T>*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
