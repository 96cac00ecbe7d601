// SPDX-License-Identifier: MIT
// Vectors lie along the channels, sums run down the pixels of a chunk. What differs from sample to
// sample and group to group is folded into a few numbers per channel (ChannelFactors), so that the
// elements are touched by one line each way.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/group_norm/group_norm_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <vector>

#include "kernels/group_norm/channel_factors.h"
#include "kernels/group_norm/group_norm.h"
#include "kernels/moments.h"
#include "kernels/sample_chunks.h"
#include "kernels/simd.h"
#include "kernels/vector_loops-inl.h"
#include "kernels/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Two sums down `rows` rows for the channels of one vector, from c on, in four chains.
template <class D, class T, class F>
HWY_INLINE void sum_down(D d, std::int64_t rows, std::int64_t channels, std::int64_t c, T* sum_a,
                         T* sum_b, const F& f) {
  auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  std::int64_t p = 0, i = c;
  for (; p + 4 <= rows; p += 4, i += 4 * channels) {
    f(d, i, c, a0, b0);
    f(d, i + channels, c, a1, b1);
    f(d, i + 2 * channels, c, a2, b2);
    f(d, i + 3 * channels, c, a3, b3);
  }
  for (; p < rows; ++p, i += channels) f(d, i, c, a0, b0);
  hn::StoreU(hn::Add(hn::Add(a0, a1), hn::Add(a2, a3)), d, sum_a + c);
  hn::StoreU(hn::Add(hn::Add(b0, b1), hn::Add(b2, b3)), d, sum_b + c);
}

// The same for four vectors side by side: whole cache lines where there are many channels.
template <class D, class T, class F>
HWY_INLINE void sum_down_wide(D d, std::int64_t rows, std::int64_t channels, std::int64_t c,
                              T* sum_a, T* sum_b, const F& f) {
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const std::int64_t c1 = c + lanes, c2 = c1 + lanes, c3 = c2 + lanes;
  auto a0 = hn::Zero(d), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
  for (std::int64_t p = 0, row = 0; p < rows; ++p, row += channels) {
    f(d, row + c, c, a0, b0);
    f(d, row + c1, c1, a1, b1);
    f(d, row + c2, c2, a2, b2);
    f(d, row + c3, c3, a3, b3);
  }
  hn::StoreU(a0, d, sum_a + c), hn::StoreU(b0, d, sum_b + c);
  hn::StoreU(a1, d, sum_a + c1), hn::StoreU(b1, d, sum_b + c1);
  hn::StoreU(a2, d, sum_a + c2), hn::StoreU(b2, d, sum_b + c2);
  hn::StoreU(a3, d, sum_a + c3), hn::StoreU(b3, d, sum_b + c3);
}

// sum_a[c] and sum_b[c] over `rows` rows: f(d, i, c, a, b) adds the terms of the elements at i,
// which are of the channels from c on.
template <class T, class F>
HWY_INLINE void channel_sums(std::int64_t rows, std::int64_t channels, T* sum_a, T* sum_b,
                             const F& f) {
  const hn::ScalableTag<T> d;
  const hn::CappedTag<T, 1> d1;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  std::int64_t c = 0;
  for (; c + 4 * lanes <= channels; c += 4 * lanes) {
    sum_down_wide(d, rows, channels, c, sum_a, sum_b, f);
  }
  for (; c + lanes <= channels; c += lanes) sum_down(d, rows, channels, c, sum_a, sum_b, f);
  for (; c < channels; ++c) sum_down(d1, rows, channels, c, sum_a, sum_b, f);
}

// Moments of every group over `rows` pixels, in two passes as in layer_norm; `work` [3, channels].
template <class T>
void moments_of_range(const GroupNormShape& shape, std::int64_t rows, const T* x, T* work,
                      Moments* moments) {
  const std::int64_t channels = shape.channels, width = shape.group_channels();
  T *sum = work, *squares = work + channels, *centre = work + 2 * channels;
  channel_sums(rows, channels, sum, squares,
               [=](auto d, std::int64_t i, std::int64_t, auto& a, auto&)
                   HWY_ATTR { a = hn::Add(a, hn::LoadU(d, x + i)); });
  const auto count = static_cast<double>(rows * width);
  for (std::int64_t g = 0; g < shape.groups; ++g) {
    double total = 0;
    for (std::int64_t c = g * width; c < (g + 1) * width; ++c) total += double{sum[c]};
    std::fill_n(centre + g * width, width, static_cast<T>(total / count));
  }
  channel_sums(rows, channels, sum, squares,
               [=](auto d, std::int64_t i, std::int64_t c, auto& a, auto& b) HWY_ATTR {
                 const auto deviation = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, centre + c));
                 a = hn::Add(a, deviation);
                 b = hn::MulAdd(deviation, deviation, b);
               });
  for (std::int64_t g = 0; g < shape.groups; ++g) {
    double first = 0, second = 0;
    for (std::int64_t c = g * width; c < (g + 1) * width; ++c) {
      first += double{sum[c]}, second += double{squares[c]};
    }
    moments[g] = Moments::about(count, double{centre[g * width]}, first, second);
  }
}

// z of the channels from c on, whose x lies `deviation` off the centre.
template <class D, class V, class T>
HWY_INLINE V normalised(D d, const ChannelFactors<T>& by, std::int64_t c, V deviation) {
  return hn::MulAdd(deviation, hn::LoadU(d, by.slope + c), hn::LoadU(d, by.offset + c));
}

struct Itself {
  template <class D, class V>
  HWY_INLINE V value(D, V z) const {
    return z;
  }
  template <class D, class V>
  HWY_INLINE V gradient(D, V, V dy) const {
    return dy;
  }
};

struct Silu {
  template <class D, class V>
  HWY_INLINE V value(D d, V z) const {
    return silu_of(d, z);
  }
  template <class D, class V>
  HWY_INLINE V gradient(D d, V z, V dy) const {
    return hn::Mul(silu_slope_of(d, z), dy);
  }
};

template <class F>
HWY_INLINE void with_activation(NormActivation activation, const F& f) {
  activation == NormActivation::silu ? f(Silu()) : f(Itself());
}

template <class T>
void normalise_range(NormActivation activation, std::int64_t rows, std::int64_t channels,
                     ChannelFactors<T> by, const T* x, T* y) {
  with_activation(activation, [=](auto act) {
    for (std::int64_t p = 0; p < rows; ++p) {
      const T* from = x + p * channels;
      T* to = y + p * channels;
      vector_loop<T>(channels, [=](auto d, std::int64_t c) HWY_ATTR {
        const auto deviation = hn::Sub(hn::LoadU(d, from + c), hn::LoadU(d, by.centre + c));
        hn::StoreU(act.value(d, normalised(d, by, c, deviation)), d, to + c);
      });
    }
  });
}

// Sums of dz and of dz (x - centre) per channel.
template <class T>
void backward_sums_of_range(NormActivation activation, std::int64_t rows, std::int64_t channels,
                            ChannelFactors<T> by, const T* x, const T* dy, T* sum_dz, T* sum_dz_x) {
  with_activation(activation, [=](auto act) {
    channel_sums(rows, channels, sum_dz, sum_dz_x,
                 [=](auto d, std::int64_t i, std::int64_t c, auto& a, auto& b) HWY_ATTR {
                   const auto deviation = hn::Sub(hn::LoadU(d, x + i), hn::LoadU(d, by.centre + c));
                   const auto z = normalised(d, by, c, deviation);
                   const auto dz = act.gradient(d, z, hn::LoadU(d, dy + i));
                   a = hn::Add(a, dz);
                   b = hn::MulAdd(dz, deviation, b);
                 });
  });
}

template <class T>
void backward_range(NormActivation activation, std::int64_t rows, std::int64_t channels,
                    ChannelFactors<T> by, const T* x, const T* dy, bool accumulate, T* dx) {
  with_activation(activation, [=](auto act) {
    for (std::int64_t p = 0; p < rows; ++p) {
      const std::int64_t row = p * channels;
      vector_loop<T>(channels, [=](auto d, std::int64_t c) HWY_ATTR {
        const auto deviation = hn::Sub(hn::LoadU(d, x + row + c), hn::LoadU(d, by.centre + c));
        const auto z = normalised(d, by, c, deviation);
        const auto dz = act.gradient(d, z, hn::LoadU(d, dy + row + c));
        const auto curve = hn::LoadU(d, by.curve + c), shift = hn::LoadU(d, by.shift + c);
        const auto bent = hn::MulAdd(deviation, curve, shift);
        auto sum = hn::MulAdd(dz, hn::LoadU(d, by.slope + c), bent);
        if (accumulate) sum = hn::Add(sum, hn::LoadU(d, dx + row + c));
        hn::StoreU(sum, d, dx + row + c);
      });
    }
  });
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {
namespace {

// At least 32 pixels, so that a chunk is much longer than its sums; at most 256, so that a sum in
// single precision is short.
SampleChunks pixel_chunks(const GroupNormShape& shape) {
  const std::int64_t rows = std::clamp<std::int64_t>(sum_chunk / shape.channels, 32, 256);
  return {shape.n, shape.pixels, rows};
}

template <class T>
T* thread_work(std::int64_t n) {
  static thread_local std::vector<T> work;
  if (static_cast<std::int64_t>(work.size()) < n) work.resize(static_cast<std::size_t>(n));
  return work.data();
}

// The factors of one group: channels [first, end).
template <class T>
void forward_factors(ChannelFactors<T> by, std::int64_t first, std::int64_t end, double mean,
                     double rstd, const T* weight, const T* bias) {
  const T high = static_cast<T>(mean);
  for (std::int64_t c = first; c < end; ++c) {
    const double slope = rstd * double{weight[c]};
    by.centre[c] = high;
    by.slope[c] = static_cast<T>(slope);
    by.offset[c] = static_cast<T>((double{high} - mean) * slope + double{bias[c]});
  }
}

// Those that backward has beside them, from sum_dz and from sum_dz_x, which comes as the sum of
// dz (x - centre) and leaves as that of dz x'.
template <class T>
void backward_factors(ChannelFactors<T> by, std::int64_t first, std::int64_t end, double group_size,
                      double mean, double rstd, const T* weight, const double* sum_dz,
                      double* sum_dz_x) {
  const double low = mean - double{by.centre[first]};
  double mean_dz = 0, mean_dz_x = 0;
  for (std::int64_t c = first; c < end; ++c) {
    sum_dz_x[c] = (sum_dz_x[c] - low * sum_dz[c]) * rstd;
    mean_dz += double{weight[c]} * sum_dz[c];
    mean_dz_x += double{weight[c]} * sum_dz_x[c];
  }
  mean_dz /= group_size, mean_dz_x /= group_size;
  std::fill(by.curve + first, by.curve + end, static_cast<T>(-rstd * rstd * mean_dz_x));
  std::fill(by.shift + first, by.shift + end,
            static_cast<T>(rstd * (rstd * mean_dz_x * low - mean_dz)));
}

// to[c] += the sum over samples of sums[s][c], samples `stride` apart; nothing if `to` is null.
template <class T>
void add_over_samples(std::int64_t n, std::int64_t channels, std::int64_t stride,
                      const double* sums, T* to) {
  if (!to || n == 0) return;
  constexpr std::int64_t block = 64;  // channels side by side, as they lie
  const std::int64_t blocks = (channels + block - 1) / block;
  parallel_for(blocks, 1 + (1 << 14) / (n * block), [=](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t first = i * block, count = std::min(block, channels - first);
      double sum[block] = {};
      for (std::int64_t s = 0; s < n; ++s) {
        for (std::int64_t c = 0; c < count; ++c) sum[c] += sums[s * stride + first + c];
      }
      for (std::int64_t c = 0; c < count; ++c) to[first + c] += static_cast<T>(sum[c]);
    }
  });
}

}  // namespace

template <class T>
void group_norm(const Stream&, const GroupNormShape& shape, double eps, const T* x,
                const Wide<T>* weight, const Wide<T>* bias, NormActivation activation, T* y,
                double* mean, double* rstd) {
  const std::int64_t channels = shape.channels, groups = shape.groups;
  const std::int64_t width = shape.group_channels();
  const SampleChunks chunks = pixel_chunks(shape);
  const std::int64_t pieces = chunks.per_sample();
  const Workspace<Moments> parts(chunks.total() * groups);
  const Workspace<T> memory(shape.n * channels * ChannelFactors<T>::arrays);
  const auto factors = [&](std::int64_t s) {
    return ChannelFactors<T>(&memory[s * channels * ChannelFactors<T>::arrays], channels);
  };
  chunks.reduce_then_apply(
      [&](auto s, auto part, auto p, auto end) {
        TELESCOPE_SIMD(moments_of_range<T>)
        (shape, end - p, x + (s * shape.pixels + p) * channels, thread_work<T>(3 * channels),
         &parts[part * groups]);
      },
      [&](auto s) {
        for (std::int64_t g = 0; g < groups; ++g) {
          Moments all;
          for (std::int64_t i = 0; i < pieces; ++i)
            all = all + parts[(s * pieces + i) * groups + g];
          mean[s * groups + g] = all.mean;
          rstd[s * groups + g] = all.rstd(eps);
          forward_factors(factors(s), g * width, (g + 1) * width, all.mean, all.rstd(eps), weight,
                          bias);
        }
      },
      [&](auto s, auto, auto p, auto end) {
        const std::int64_t i = (s * shape.pixels + p) * channels;
        TELESCOPE_SIMD(normalise_range<T>)
        (activation, end - p, channels, factors(s), x + i, y + i);
      });
}

template <class T>
void group_norm_backward(const Stream&, const GroupNormShape& shape, const T* x,
                         const Wide<T>* weight, const Wide<T>* bias, NormActivation activation,
                         const double* mean, const double* rstd, const T* dy, T* dx,
                         bool accumulate, Wide<T>* dweight, Wide<T>* dbias) {
  const std::int64_t channels = shape.channels, groups = shape.groups;
  const std::int64_t width = shape.group_channels();
  const SampleChunks chunks = pixel_chunks(shape);
  const std::int64_t pieces = chunks.per_sample();
  const Workspace<T> parts(chunks.total() * 2 * channels);
  const Workspace<T> memory(shape.n * channels * ChannelFactors<T>::arrays);
  const Workspace<double> sums(shape.n * 2 * channels);  // of dz, then of dz x', for each sample
  const auto factors = [&](std::int64_t s) {
    return ChannelFactors<T>(&memory[s * channels * ChannelFactors<T>::arrays], channels);
  };
  parallel_for(shape.n, 1 + (1 << 12) / channels, [&](std::int64_t first, std::int64_t last) {
    for (std::int64_t s = first; s < last; ++s) {
      for (std::int64_t g = 0; g < groups; ++g) {
        forward_factors(factors(s), g * width, (g + 1) * width, mean[s * groups + g],
                        rstd[s * groups + g], weight, bias);
      }
    }
  });
  chunks.reduce_then_apply(
      [&](auto s, auto part, auto p, auto end) {
        const std::int64_t i = (s * shape.pixels + p) * channels;
        T* sum = &parts[part * 2 * channels];
        TELESCOPE_SIMD(backward_sums_of_range<T>)
        (activation, end - p, channels, factors(s), x + i, dy + i, sum, sum + channels);
      },
      [&](auto s) {
        double* sum = &sums[s * 2 * channels];
        std::fill_n(sum, 2 * channels, 0.0);
        for (std::int64_t i = 0; i < pieces; ++i) {
          const T* part = &parts[(s * pieces + i) * 2 * channels];
          for (std::int64_t c = 0; c < 2 * channels; ++c) sum[c] += double{part[c]};
        }
        for (std::int64_t g = 0; g < groups; ++g) {
          backward_factors(factors(s), g * width, (g + 1) * width,
                           static_cast<double>(shape.group_size()), mean[s * groups + g],
                           rstd[s * groups + g], weight, sum, sum + channels);
        }
      },
      [&](auto s, auto, auto p, auto end) {
        if (!dx) return;
        const std::int64_t i = (s * shape.pixels + p) * channels;
        TELESCOPE_SIMD(backward_range<T>)
        (activation, end - p, channels, factors(s), x + i, dy + i, accumulate, dx + i);
      });
  add_over_samples(shape.n, channels, 2 * channels, sums.data(), dbias);
  add_over_samples(shape.n, channels, 2 * channels, sums.data() + channels, dweight);
}

#define TELESCOPE_INSTANTIATE(T)                                                                   \
  template void group_norm(const Stream&, const GroupNormShape&, double, const T*, const Wide<T>*, \
                           const Wide<T>*, NormActivation, T*, double*, double*);                  \
  template void group_norm_backward(const Stream&, const GroupNormShape&, const T*,                \
                                    const Wide<T>*, const Wide<T>*, NormActivation, const double*, \
                                    const double*, const T*, T*, bool, Wide<T>*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
