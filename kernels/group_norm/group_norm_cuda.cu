// SPDX-License-Identifier: MIT
// Bound by memory: sums per channel down the pixels, a small kernel that makes of them a few numbers
// per channel, and a map with those numbers. The map's read comes out of the second-level cache where
// the batch fits it.
#include "kernels/group_norm/group_norm.h"
#include "kernels/simt/channels.h"
#include "kernels/simt/silu.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int finish_threads = 128;

// What the maps take per sample and channel, arrays [n, channels]:
//   forward    z  = (x - centre) slope + offset
//   backward   dx = dz slope + (x - centre) curve + shift
// `centre` is the mean rounded to float; what rounding cuts off goes into offset and shift.
struct Factors {
  float *centre, *slope, *offset, *curve, *shift;
  static constexpr int arrays = 5;
  Factors(float* memory, std::int64_t vectors)
      : centre(memory),
        slope(memory + vectors),
        offset(memory + 2 * vectors),
        curve(memory + 3 * vectors),
        shift(memory + 4 * vectors) {}
};

// z = (x - centre) slope + offset of one channel.
struct Channel {
  float centre, slope, offset;
  __device__ Channel() = default;
  __device__ Channel(double mean, double rstd, float weight, float bias)
      : centre(static_cast<float>(mean)), slope(static_cast<float>(rstd * double{weight})) {
    const double low = double{centre} - mean;
    offset = static_cast<float>(low * (rstd * double{weight}) + double{bias});
  }
  __device__ float z(float x) const { return fmaf(x - centre, slope, offset); }
};

__device__ __forceinline__ void store_channel(const Channel& channel, const Factors& factors,
                                              std::int64_t at) {
  factors.centre[at] = channel.centre;
  factors.slope[at] = channel.slope;
  factors.offset[at] = channel.offset;
}

struct Itself {
  static __device__ float value(float z) { return z; }
  static __device__ float gradient(float, float dy) { return dy; }
};
struct Silu {
  static __device__ float value(float z) { return silu_of(z); }
  static __device__ float gradient(float z, float dy) { return silu_slope_of(z) * dy; }
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
  for (std::int64_t c = threadIdx.x; c < width; c += finish_threads) {
    const std::int64_t channel = group * width + c, at = sample * shape.channels + channel;
    store_channel({centre, scale, weight[channel], bias[channel]}, factors, at);
  }
}

template <class Activation, class T>
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
      const float z = fmaf(static_cast<float>(x[k]) - centre[k], slope[k], offset[k]);
      y[k] = Activation::value(z);
    }
  }
};

// --- backward -------------------------------------------------------------------------------------

// Of dz and of dz (x - centre).
template <class Activation, class T>
struct BackwardSums {
  static constexpr int sums = 2;
  const T *x, *dy;
  const float *weight, *bias;
  const double *mean, *rstd;
  std::int64_t groups, group_channels;

  template <int width>
  __device__ __forceinline__ void add(const Channels& shape, std::int64_t sample,
                                      std::int64_t channel, std::int64_t first, int step,
                                      std::int64_t end, double (&sum)[2][width]) const {
    const std::int64_t start = sample * shape.pixels * shape.c + channel;
    Channel of[width];
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      const std::int64_t group = sample * groups + (channel + k) / group_channels;
      of[k] = Channel(mean[group], rstd[group], weight[channel + k], bias[channel + k]);
    }
    for (std::int64_t p = first; p < end; p += step) {
      const auto u = load<width>(x + start + p * shape.c);
      const auto g = load<width>(dy + start + p * shape.c);
      TELESCOPE_UNROLL
      for (int k = 0; k < width; ++k) {
        const auto at = static_cast<float>(u[k]);
        const double dz{Activation::gradient(of[k].z(at), static_cast<float>(g[k]))};
        sum[0][k] += dz;
        sum[1][k] += dz * double{at - of[k].centre};
      }
    }
  }
};

// A block for each group of each sample, a warp for each channel of it in turn. sums [2, n, channels]
// becomes the sums of dz and of dz x'.
__global__ void __launch_bounds__(finish_threads)
    backward_factors_kernel(GroupNormShape shape, std::int64_t pieces, const double* partial,
                            const float* weight, const float* bias, const double* mean,
                            const double* rstd, Factors factors, double* sums) {
  const std::int64_t width = shape.group_channels(), vectors = shape.n * shape.channels;
  const std::int64_t sample = blockIdx.x / static_cast<unsigned>(shape.groups);
  const std::int64_t group = blockIdx.x % static_cast<unsigned>(shape.groups);
  const double centre = mean[blockIdx.x], scale = rstd[blockIdx.x];
  const double low = centre - double{static_cast<float>(centre)};
  double mean_dz = 0, mean_dz_x = 0;
  for (std::int64_t c = warp_number(); c < width; c += finish_threads / 32) {
    const std::int64_t channel = group * width + c, at = sample * shape.channels + channel;
    double sum_dz = 0, sum_dz_x = 0;
    for (std::int64_t i = lane_number(); i < pieces; i += 32) {
      sum_dz += partial[at * pieces + i];
      sum_dz_x += partial[(vectors + at) * pieces + i];
    }
    sum_dz = warp_sum(sum_dz);
    sum_dz_x = (warp_sum(sum_dz_x) - low * sum_dz) * scale;
    if (lane_number() > 0) continue;
    sums[at] = sum_dz;
    sums[vectors + at] = sum_dz_x;
    mean_dz += double{weight[channel]} * sum_dz;
    mean_dz_x += double{weight[channel]} * sum_dz_x;
  }
  const auto size = static_cast<double>(shape.group_size());
  mean_dz = block_sum<finish_threads>(mean_dz) / size;
  mean_dz_x = block_sum<finish_threads>(mean_dz_x) / size;
  for (std::int64_t c = threadIdx.x; c < width; c += finish_threads) {
    const std::int64_t channel = group * width + c, at = sample * shape.channels + channel;
    store_channel({centre, scale, weight[channel], bias[channel]}, factors, at);
    factors.curve[at] = static_cast<float>(-scale * scale * mean_dz_x);
    factors.shift[at] = static_cast<float>(scale * (scale * mean_dz_x * low - mean_dz));
  }
}

template <class Activation, class T>
struct Project {
  Factors factors;
  template <int width, class... Sum>
  __device__ __forceinline__ void apply(std::int64_t vector, Pack<float, width>& dx,
                                        const Pack<T, width>& x, const Pack<T, width>& dy,
                                        const Sum&... sum) const {
    const auto centre = load<width>(factors.centre + vector);
    const auto slope = load<width>(factors.slope + vector);
    const auto offset = load<width>(factors.offset + vector);
    const auto curve = load<width>(factors.curve + vector);
    const auto shift = load<width>(factors.shift + vector);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      const float deviation = static_cast<float>(x[k]) - centre[k];
      const float z = fmaf(deviation, slope[k], offset[k]);
      const float dz = Activation::gradient(z, static_cast<float>(dy[k]));
      dx[k] = fmaf(dz, slope[k], fmaf(deviation, curve[k], shift[k]));
      ((dx[k] += static_cast<float>(sum[k])), ...);
    }
  }
};

// dbias += the sum over samples of sums[0], dweight of sums[1]; a thread for each channel.
__global__ void __launch_bounds__(256)
    add_over_samples_kernel(std::int64_t n, std::int64_t channels, const double* sums,
                            float* dweight, float* dbias) {
  const std::int64_t c = grid_thread();
  if (c >= channels) return;
  double sum_dz = 0, sum_dz_x = 0;
  for (std::int64_t s = 0; s < n; ++s) {
    sum_dz += sums[s * channels + c];
    sum_dz_x += sums[(n + s) * channels + c];
  }
  if (dbias) dbias[c] += static_cast<float>(sum_dz);
  if (dweight) dweight[c] += static_cast<float>(sum_dz_x);
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

template <class Activation, class T>
void forward(const Stream& stream, const GroupNormShape& shape, double eps, const T* x,
             const float* weight, const float* bias, T* y, double* mean, double* rstd) {
  const std::int64_t vectors = shape.n * shape.channels;
  const Workspace<float> memory(vectors * Factors::arrays, stream.device());
  const Factors factors(memory.data(), vectors);
  const auto sums = partial_sums<T>(stream, shape, aligned_to(16, x),
                                    SumsAboutPivot<T>{x, shape.group_channels()});
  launch<forward_factors_kernel<T>>(stream, static_cast<unsigned>(shape.n * shape.groups),
                                    finish_threads, 0, shape, eps, sums.pieces, sums.memory.data(),
                                    x, weight, bias, factors, mean, rstd);
  channel_map(stream, Normalise<Activation, T>{factors}, channels_of(shape), true, y, x);
}

template <class Activation, class T>
void backward(const Stream& stream, const GroupNormShape& shape, const T* x, const float* weight,
              const float* bias, const double* mean, const double* rstd, const T* dy, T* dx,
              bool accumulate, float* dweight, float* dbias) {
  const std::int64_t vectors = shape.n * shape.channels;
  const Workspace<float> memory(vectors * Factors::arrays, stream.device());
  const Workspace<double> sums(2 * vectors, stream.device());
  const Factors factors(memory.data(), vectors);
  const BackwardSums<Activation, T> terms{x,    dy,   weight,       bias,
                                          mean, rstd, shape.groups, shape.group_channels()};
  const auto partial = partial_sums<T>(stream, shape, aligned_to(16, x, dy), terms);
  launch<backward_factors_kernel>(stream, static_cast<unsigned>(shape.n * shape.groups),
                                  finish_threads, 0, shape, partial.pieces, partial.memory.data(),
                                  weight, bias, mean, rstd, factors, sums.data());
  const Project<Activation, T> project{factors};
  if (dx && accumulate) channel_map(stream, project, channels_of(shape), true, dx, x, dy, dx);
  if (dx && !accumulate) channel_map(stream, project, channels_of(shape), true, dx, x, dy);
  if (dweight || dbias) {
    launch<add_over_samples_kernel>(stream, blocks_for(shape.channels, 256), 256, 0, shape.n,
                                    shape.channels, sums.data(), dweight, dbias);
  }
}

}  // namespace

template <class T>
void group_norm(const Stream& stream, const GroupNormShape& shape, double eps, const T* x,
                const Wide<T>* weight, const Wide<T>* bias, NormActivation activation, T* y,
                double* mean, double* rstd) {
  const bool silu = activation == NormActivation::silu;
  const auto run = silu ? forward<Silu, T> : forward<Itself, T>;
  run(stream, shape, eps, x, weight, bias, y, mean, rstd);
}

template <class T>
void group_norm_backward(const Stream& stream, const GroupNormShape& shape, const T* x,
                         const Wide<T>* weight, const Wide<T>* bias, NormActivation activation,
                         const double* mean, const double* rstd, const T* dy, T* dx,
                         bool accumulate, Wide<T>* dweight, Wide<T>* dbias) {
  const bool silu = activation == NormActivation::silu;
  const auto run = silu ? backward<Silu, T> : backward<Itself, T>;
  run(stream, shape, x, weight, bias, mean, rstd, dy, dx, accumulate, dweight, dbias);
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void group_norm(const Stream&, const GroupNormShape&, double, const T*, const Wide<T>*, \
                           const Wide<T>*, NormActivation, T*, double*, double*);                  \
  template void group_norm_backward(const Stream&, const GroupNormShape&, const T*,                \
                                    const Wide<T>*, const Wide<T>*, NormActivation, const double*, \
                                    const double*, const T*, T*, bool, Wide<T>*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
