// SPDX-License-Identifier: MIT
// Bound by arithmetic, in exact single precision: a block has 64 queries and meets 64 keys after the
// other with a running maximum and sum (Dao et al. 2022). Backward has a block for every 64 queries,
// which gives dq, and one for every 64 keys, which gives dk and dv: scores are computed twice, and
// every sum stays with one thread, in one order. Heads wider than 128 channels get their results in
// slices, each by blocks of its own.
#include "kernels/attention/attention.h"

#include <cmath>
#include <type_traits>

#include "kernels/attention/attention_tiles.h"
#include "kernels/workspace.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// What a block works on: tile number `tile` of a head, and the channels from `channel` on.
template <int slice>
struct Place {
  std::int64_t head, token, channels_of_token, offset;
  int tokens, channels, channel;

  __device__ explicit Place(const AttentionShape& shape)
      : channels_of_token(shape.heads * shape.head_channels),
        tokens(static_cast<int>(shape.tokens)),
        channels(static_cast<int>(shape.head_channels)),
        channel(static_cast<int>(blockIdx.y) * slice) {
    const auto tiles = static_cast<unsigned>((shape.tokens + score_tile - 1) / score_tile);
    head = blockIdx.x / tiles;
    token = std::int64_t{blockIdx.x % tiles} * score_tile;
    offset = head / shape.heads * shape.tokens * channels_of_token +
             head % shape.heads * shape.head_channels;
  }
  __device__ int count(std::int64_t first) const {
    return static_cast<int>(min(std::int64_t{score_tile}, tokens - first));
  }
  // The 64 tokens from `first` on of the query (part 0), key (1) or value (2) in qkv.
  template <class T>
  __device__ HeadRows<T> in(T* qkv, int part, std::int64_t first) const {
    return {qkv + 3 * (offset + first * channels_of_token) + part * channels, 3 * channels_of_token,
            count(first)};
  }
  // The same in y or dy.
  template <class T>
  __device__ HeadRows<T> out(T* y, std::int64_t first) const {
    return {y + offset + first * channels_of_token, channels_of_token, count(first)};
  }
};

// Over the 16 threads that share rows.
__device__ __forceinline__ float row_max(float value) {
  for (int bits = 8; bits > 0; bits /= 2) {
    const float other = __shfl_xor_sync(all_lanes, value, bits);
    value = other > value ? other : value;
  }
  return value;
}
__device__ __forceinline__ float row_sum(float value) {
  for (int bits = 8; bits > 0; bits /= 2) value += __shfl_xor_sync(all_lanes, value, bits);
  return value;
}

template <int width, int slice, class T>
__global__ void __launch_bounds__(attention_threads)
    attention_kernel(AttentionShape shape, float scale, const T* qkv, T* y, float* statistics) {
  auto& memory = shared<AttentionMemory>();
  const Place<slice> place(shape);
  const auto q = place.in(qkv, 0, place.token);
  Share<slice> share;
  float most[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY}, inverse[4];
  double sum[4] = {};
  for (std::int64_t key = 0; key < place.tokens; key += score_tile) {
    const auto k = place.in(qkv, 1, key), v = place.in(qkv, 2, key);
    float p[4][4] = {};
    add_scores<width>(q, k, place.channels, memory.stage, p);
    TELESCOPE_UNROLL
    for (int i = 0; i < 4; ++i) {
      float here = -INFINITY, part = 0;
      TELESCOPE_UNROLL
      for (int j = 0; j < 4; ++j) {
        p[i][j] = 4 * thread_column() + j < k.count ? p[i][j] * scale : -INFINITY;
        here = p[i][j] > here ? p[i][j] : here;
      }
      here = row_max(here);
      const float now = here > most[i] ? here : most[i];
      const float correction = expf(most[i] - now);
      TELESCOPE_UNROLL
      for (int j = 0; j < 4; ++j) part += p[i][j] = expf(p[i][j] - now);
      sum[i] = sum[i] * double{correction} + double{row_sum(part)};
      most[i] = now;
      TELESCOPE_UNROLL
      for (int c = 0; c < slice / 16; ++c) share.v[i][c] *= correction;
    }
    store_weights(p, memory.weights);
    add_weighted<width>(memory.weights, v, place.channel, place.channels, memory.stage, share);
  }
  TELESCOPE_UNROLL
  for (int i = 0; i < 4; ++i) {
    inverse[i] = static_cast<float>(1 / sum[i]);
    const std::int64_t row = 4 * thread_row() + i;
    if (thread_column() > 0 || blockIdx.y > 0 || row >= q.count) continue;
    float* const at = statistics + place.head * shape.tokens + place.token + row;
    at[0] = most[i];
    at[shape.n * shape.heads * shape.tokens] = inverse[i];
  }
  store_share<width>(share, inverse, place.out(y, place.token), place.channel, place.channels);
}

// --- backward -------------------------------------------------------------------------------------

// r[row] = dy . y, rows counted through samples and heads as in `statistics`; a warp for each.
template <class T>
__global__ void __launch_bounds__(256)
    projections_kernel(AttentionShape shape, const T* y, const T* dy, float* r) {
  const std::int64_t row = std::int64_t{blockIdx.x} * 8 + warp_number();
  if (row >= shape.n * shape.heads * shape.tokens) return;
  const std::int64_t head = row / shape.tokens, token = row % shape.tokens;
  const std::int64_t at =
      ((head / shape.heads * shape.tokens + token) * shape.heads + head % shape.heads) *
      shape.head_channels;
  double sum = 0;
  for (std::int64_t c = lane_number(); c < shape.head_channels; c += 32) {
    sum += double{static_cast<float>(y[at + c])} * double{static_cast<float>(dy[at + c])};
  }
  sum = warp_sum(sum);
  if (lane_number() == 0) r[row] = static_cast<float>(sum);
}

// What backward knows of a query; of one that is not there, what makes its p zero.
struct QueryRow {
  float most = 0, inverse = 0, r = 0;
  __device__ void read(bool there, std::int64_t row, std::int64_t rows, const float* statistics,
                       const float* projections) {
    if (!there) return;
    most = statistics[row];
    inverse = statistics[rows + row];
    r = projections[row];
  }
  __device__ float p(float score, float scale) const {
    return expf(fmaf(score, scale, -most)) * inverse;
  }
  __device__ float ds(float weight, float dp, float scale) const {
    return weight * scale * (dp - r);
  }
};

template <int width, int slice, class T>
__global__ void __launch_bounds__(attention_threads)
    attention_dq_kernel(AttentionShape shape, float scale, const T* qkv, const float* statistics,
                        const float* projections, const T* dy, T* dqkv) {
  auto& memory = shared<AttentionMemory>();
  const Place<slice> place(shape);
  const auto q = place.in(qkv, 0, place.token);
  const auto g = place.out(dy, place.token);
  QueryRow query[4];
  TELESCOPE_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int row = 4 * thread_row() + i;
    query[i].read(row < q.count, place.head * shape.tokens + place.token + row,
                  shape.n * shape.heads * shape.tokens, statistics, projections);
  }
  Share<slice> share;
  for (std::int64_t key = 0; key < place.tokens; key += score_tile) {
    const auto k = place.in(qkv, 1, key), v = place.in(qkv, 2, key);
    float score[4][4] = {}, ds[4][4] = {};
    add_scores<width>(q, k, place.channels, memory.stage, score);
    add_scores<width>(g, v, place.channels, memory.stage, ds);
    TELESCOPE_UNROLL
    for (int i = 0; i < 4; ++i) {
      TELESCOPE_UNROLL
      for (int j = 0; j < 4; ++j) {
        const bool there = 4 * thread_column() + j < k.count;
        const float p = there ? query[i].p(score[i][j], scale) : 0.f;
        ds[i][j] = query[i].ds(p, ds[i][j], scale);
      }
    }
    store_weights(ds, memory.weights);
    add_weighted<width>(memory.weights, k, place.channel, place.channels, memory.stage, share);
  }
  const float ones[4] = {1, 1, 1, 1};
  store_share<width>(share, ones, place.in(dqkv, 0, place.token), place.channel, place.channels);
}

// Rows of the scores are keys here, columns are queries.
template <int width, int slice, class T>
__global__ void __launch_bounds__(attention_threads)
    attention_dk_dv_kernel(AttentionShape shape, float scale, const T* qkv, const float* statistics,
                           const float* projections, const T* dy, T* dqkv) {
  auto& memory = shared<AttentionMemory>();
  const Place<slice> place(shape);
  const auto k = place.in(qkv, 1, place.token), v = place.in(qkv, 2, place.token);
  Share<slice> dk, dv;
  for (std::int64_t token = 0; token < place.tokens; token += score_tile) {
    const auto q = place.in(qkv, 0, token);
    const auto g = place.out(dy, token);
    float p[4][4] = {}, ds[4][4] = {};
    add_scores<width>(k, q, place.channels, memory.stage, p);
    add_scores<width>(v, g, place.channels, memory.stage, ds);
    TELESCOPE_UNROLL
    for (int j = 0; j < 4; ++j) {
      const int column = 4 * thread_column() + j;
      QueryRow query;
      query.read(column < q.count, place.head * shape.tokens + token + column,
                 shape.n * shape.heads * shape.tokens, statistics, projections);
      TELESCOPE_UNROLL
      for (int i = 0; i < 4; ++i) {
        p[i][j] = query.p(p[i][j], scale);
        ds[i][j] = query.ds(p[i][j], ds[i][j], scale);
      }
    }
    store_weights(p, memory.weights);
    add_weighted<width>(memory.weights, g, place.channel, place.channels, memory.stage, dv);
    __syncthreads();
    store_weights(ds, memory.weights);
    add_weighted<width>(memory.weights, q, place.channel, place.channels, memory.stage, dk);
  }
  const float ones[4] = {1, 1, 1, 1};
  store_share<width>(dk, ones, place.in(dqkv, 1, place.token), place.channel, place.channels);
  store_share<width>(dv, ones, place.in(dqkv, 2, place.token), place.channel, place.channels);
}

// --- launches -------------------------------------------------------------------------------------

template <int channels>
using Constant = std::integral_constant<int, channels>;

// Calls f(width of loads, channels of a slice).
template <class T, class F>
void with_slices(const AttentionShape& shape, bool aligned, const F& f) {
  constexpr int width = 16 / sizeof(T);
  const std::int64_t channels = shape.head_channels;
  if (!aligned || channels % width) return f(Constant<1>(), Constant<32>());
  if (channels <= 32) return f(Constant<width>(), Constant<32>());
  if (channels <= 64) return f(Constant<width>(), Constant<64>());
  f(Constant<width>(), Constant<128>());
}

dim3 blocks_of(const AttentionShape& shape, int slice) {
  const std::int64_t tiles = (shape.tokens + score_tile - 1) / score_tile;
  return dim3(static_cast<unsigned>(shape.n * shape.heads * tiles),
              static_cast<unsigned>((shape.head_channels + slice - 1) / slice));
}

float scale_of(const AttentionShape& shape) {
  return static_cast<float>(1 / std::sqrt(static_cast<double>(shape.head_channels)));
}

}  // namespace

template <class T>
void attention(const Stream& stream, const AttentionShape& shape, const T* qkv, T* y,
               Wide<T>* statistics) {
  with_slices<T>(shape, aligned_to(16, qkv, y), [&](auto width, auto slice) {
    launch<attention_kernel<width(), slice(), T>>(stream, blocks_of(shape, slice()),
                                                  attention_threads, 0, shape, scale_of(shape), qkv,
                                                  y, statistics);
  });
}

template <class T>
void attention_backward(const Stream& stream, const AttentionShape& shape, const T* qkv, const T* y,
                        const Wide<T>* statistics, const T* dy, T* dqkv) {
  const Workspace<float> projections(shape.rows(), stream.device());
  launch<projections_kernel<T>>(stream, blocks_for(shape.rows(), 8), 256, 0, shape, y, dy,
                                projections.data());
  with_slices<T>(shape, aligned_to(16, qkv, dy, dqkv), [&](auto width, auto slice) {
    const dim3 blocks = blocks_of(shape, slice());
    const float scale = scale_of(shape), *r = projections.data();
    launch<attention_dq_kernel<width(), slice(), T>>(stream, blocks, attention_threads, 0, shape,
                                                     scale, qkv, statistics, r, dy, dqkv);
    launch<attention_dk_dv_kernel<width(), slice(), T>>(stream, blocks, attention_threads, 0, shape,
                                                        scale, qkv, statistics, r, dy, dqkv);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void attention(const Stream&, const AttentionShape&, const T*, T*, Wide<T>*);     \
  template void attention_backward(const Stream&, const AttentionShape&, const T*, const T*, \
                                   const Wide<T>*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
