// SPDX-License-Identifier: MIT
// Two circular sums, along h and then along w, by one kernel that sees the array as [outer, extent,
// inner]. A thread makes eight neighbouring points along `extent` and walks once over what they
// need, so that a source is loaded (taps + 7) / 8 times less than once a tap, the weights sliding
// through registers. 2 taps flop against 8 bytes: with 37 taps (sigma 3) bound by arithmetic and
// the first-level cache about alike.
#include <vector>

#include "kernels/blur/blur.h"
#include "kernels/device_table.h"
#include "kernels/simt/simt.h"
#include "kernels/workspace.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256, points = 8;

// y[o, i, k] = sum over t of weight[t] x[o, (i + first + t) mod extent, k]; `first` in [0, extent).
template <class T>
__global__ void __launch_bounds__(threads)
    circular_sum_kernel(std::int64_t outer, int extent, std::int64_t inner, int first, int taps,
                        const float* __restrict__ weight, const T* __restrict__ x,
                        T* __restrict__ y) {
  const int groups = (extent + points - 1) / points;
  const std::int64_t item = grid_thread(), line = item / inner, k = item - line * inner;
  const std::int64_t o = line / groups;
  if (o >= outer) return;
  const int i0 = static_cast<int>(line - o * groups) * points;
  const T* from = x + o * extent * inner + k;
  float sum[points] = {}, window[points] = {};  // window[p]: the weight of the source for point p
  int at = i0 + first;
  if (at >= extent) at -= extent;
  for (int t = 0; t < taps + points - 1; ++t) {
    TELESCOPE_UNROLL
    for (int p = points - 1; p > 0; --p) window[p] = window[p - 1];
    window[0] = t < taps ? weight[t] : 0.f;
    const auto value = static_cast<float>(from[at * inner]);
    if (++at == extent) at = 0;
    TELESCOPE_UNROLL
    for (int p = 0; p < points; ++p) {
      // What has no weight may be infinite.
      if (window[p] != 0.f) sum[p] = fmaf(window[p], value, sum[p]);
    }
  }
  TELESCOPE_UNROLL
  for (int p = 0; p < points; ++p) {
    if (i0 + p < extent) y[(o * extent + i0 + p) * inner + k] = static_cast<T>(sum[p]);
  }
}

template <class T>
void circular_sum(const Stream& stream, std::int64_t outer, std::int64_t extent, std::int64_t inner,
                  const CircularTaps& taps, const T* x, T* y) {
  const std::vector<float> weight(taps.weight.begin(), taps.weight.end());
  const std::int64_t items = outer * ((extent + points - 1) / points) * inner;
  launch<circular_sum_kernel<T>>(stream, blocks_for(items, threads), threads, 0, outer, extent,
                                 inner, taps.first < 0 ? taps.first + extent : taps.first,
                                 weight.size(), device_table(std::span(weight), stream.device()), x,
                                 y);
}

}  // namespace

template <class T>
void circular_blur(const Stream& stream, const BlurShape& s, const CircularTaps& rows,
                   const CircularTaps& columns, const T* x, T* y) {
  if (s.size() == 0) return;
  const Workspace<T> between(s.size(), stream.device());
  circular_sum(stream, s.n, s.h, s.w * s.c, rows, x, between.data());
  circular_sum<T>(stream, s.n * s.h, s.w, s.c, columns, between.data(), y);
}

template void circular_blur(const Stream&, const BlurShape&, const CircularTaps&,
                            const CircularTaps&, const float*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
