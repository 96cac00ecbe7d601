// SPDX-License-Identifier: MIT
// A block of queries meets one block of keys after the other (Dao et al. 2022): scores, softmax
// with a running maximum and sum, product with the values. Where there are enough samples and heads
// each belongs to one thread, else the blocks of a head are shared out; the sums are the same.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/attention/attention_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <cmath>

#include "kernels/attention/attention.h"
#include "kernels/attention/blocks.h"
#include "kernels/simd.h"
#include "kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

template <class T>
HWY_INLINE void multiply_by(std::int64_t n, T factor, T* x) {
  vector_loop<T>(n, [=](auto d, std::int64_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, x + i), hn::Set(d, factor)), d, x + i);
  });
}

// scores -> exp(scale scores - most), with `most` and `sum` of every row brought up to date, and
// what the row has of y so far scaled to the new maximum.
template <class T>
void softmax_of_block(std::int64_t rows, std::int64_t columns, bool first, T scale, T* scores,
                      T* most, double* sum, T* y, std::int64_t y_step, std::int64_t channels) {
  for (std::int64_t i = 0; i < rows; ++i, scores += key_block, y += y_step) {
    const T here = scale * vector_max(columns, scores);
    const T before = most[i], now = first || here > before ? here : before;
    double part, unused;
    vector_sums<T>(columns, part, unused, [=](auto d, std::int64_t j, auto& a, auto&) HWY_ATTR {
      const auto exponent =
          hn::Sub(hn::Mul(hn::LoadU(d, scores + j), hn::Set(d, scale)), hn::Set(d, now));
      const auto e = exp_of(d, exponent);
      hn::StoreU(e, d, scores + j);
      a = hn::Add(a, e);
    });
    const T correction = first ? T{0} : std::exp(before - now);
    if (!first && correction != 1) multiply_by(channels, correction, y);
    sum[i] = first ? part : sum[i] * double{correction} + part;
    most[i] = now;
  }
}

template <class T>
void divide_by_sums(std::int64_t rows, const double* sum, T* inverse, T* y, std::int64_t y_step,
                    std::int64_t channels) {
  for (std::int64_t i = 0; i < rows; ++i) {
    inverse[i] = static_cast<T>(1 / sum[i]);
    multiply_by(channels, inverse[i], y + i * y_step);
  }
}

// scores -> p, dp -> ds.
template <class T>
void softmax_backward_of_block(std::int64_t rows, std::int64_t columns, T scale, const T* most,
                               const T* inverse, const T* projection, T* scores, T* dp) {
  for (std::int64_t i = 0; i < rows; ++i, scores += key_block, dp += key_block) {
    vector_loop<T>(columns, [=](auto d, std::int64_t j) HWY_ATTR {
      const auto exponent =
          hn::Sub(hn::Mul(hn::LoadU(d, scores + j), hn::Set(d, scale)), hn::Set(d, most[i]));
      const auto p = hn::Mul(exp_of(d, exponent), hn::Set(d, inverse[i]));
      const auto gap = hn::Sub(hn::LoadU(d, dp + j), hn::Set(d, projection[i]));
      hn::StoreU(p, d, scores + j);
      hn::StoreU(hn::Mul(hn::Mul(p, hn::Set(d, scale)), gap), d, dp + j);
    });
  }
}

template <class T>
void projections(std::int64_t rows, std::int64_t channels, std::int64_t step, const T* y,
                 const T* dy, T* projection) {
  for (std::int64_t i = 0; i < rows; ++i, y += step, dy += step) {
    double sum, unused;
    vector_sums<T>(channels, sum, unused, [=](auto d, std::int64_t c, auto& a, auto&) HWY_ATTR {
      a = hn::MulAdd(hn::LoadU(d, y + c), hn::LoadU(d, dy + c), a);
    });
    projection[i] = static_cast<T>(sum);
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "core/parallel.h"
#include "kernels/workspace.h"

namespace telescope::kernels::cpu {
namespace {

constexpr std::int64_t grain = 1 << 18;  // FLOP worth a thread

// Calls f(head) for every head of every sample.
template <class F>
void for_each_head(const AttentionShape& shape, F&& f) {
  const std::int64_t heads = shape.n * shape.heads, threads = thread_count();
  const bool whole_heads =
      shape.tokens <= query_block || heads % threads == 0 || heads >= 4 * threads;
  const auto range = [&](std::int64_t i, std::int64_t end) {
    for (; i < end; ++i) f(i);
  };
  if (whole_heads) return parallel_for(heads, grain * heads / shape.product_flop(), range);
  range(0, heads);
}

// Calls f(block) for `count` blocks, a product of `flop` in all.
template <class F>
void for_each_block(std::int64_t count, std::int64_t flop, F&& f) {
  parallel_for(count, grain * count / flop, [&](std::int64_t i, std::int64_t end) {
    for (; i < end; ++i) f(i);
  });
}

template <class T>
T scale_of(const AttentionShape& shape) {
  return static_cast<T>(1 / std::sqrt(static_cast<double>(shape.head_channels)));
}

template <class T>
void forward_head(const AttentionBlocks<T>& blocks, std::int64_t head, const T* qkv, T* y,
                  T* statistics) {
  const AttentionShape& shape = blocks.shape;
  const HeadPointers<const T> in(shape, head, qkv);
  T* const out = y + head_offset(shape, head);
  const Workspace<T> keys(blocks.keys() * blocks.across_size());
  const Workspace<T> values(blocks.keys() * blocks.along_size(key_block));
  for_each_block(blocks.keys(), blocks.head_flop(), [&](std::int64_t j) {
    blocks.pack_across(j, in.k, &keys[j * blocks.across_size()]);
    blocks.pack_along(j, key_block, in.v, blocks.in_step,
                      &values[j * blocks.along_size(key_block)]);
  });
  for_each_block(blocks.queries(), blocks.head_flop(), [&](std::int64_t i) {
    const std::int64_t row = i * query_block, rows = blocks.query_rows(i);
    const Workspace<T> scores(query_block * key_block);
    const Workspace<double> sum(query_block);
    T* const most = statistics + head * shape.tokens + row;
    T* const target = out + row * blocks.out_step;
    for (std::int64_t j = 0; j < blocks.keys(); ++j) {
      blocks.scores(i, j, in.q, blocks.in_rows, &keys[j * blocks.across_size()], scores.data());
      TELESCOPE_SIMD(softmax_of_block<T>)
      (rows, blocks.key_rows(j), j == 0, scale_of<T>(shape), scores.data(), most, sum.data(),
       target, blocks.out_step, shape.head_channels);
      blocks.sum_over_keys(i, j, scores.data(), &values[j * blocks.along_size(key_block)], target,
                           blocks.out_rows);
    }
    TELESCOPE_SIMD(divide_by_sums<T>)
    (rows, sum.data(), most + shape.rows(), target, blocks.out_step, shape.head_channels);
  });
}

// What backward of one head keeps packed, block by block.
template <class T>
struct PackedHead {
  explicit PackedHead(const AttentionBlocks<T>& blocks)
      : k_across(blocks.keys() * blocks.across_size()),
        v_across(blocks.keys() * blocks.across_size()),
        k_along(blocks.keys() * blocks.along_size(key_block)),
        q_along(blocks.queries() * blocks.along_size(query_block)),
        dy_along(blocks.queries() * blocks.along_size(query_block)) {}
  Workspace<T> k_across, v_across, k_along, q_along, dy_along;
};

template <class T>
void backward_head(const AttentionBlocks<T>& blocks, std::int64_t head, const T* qkv, const T* y,
                   const T* statistics, const T* dy, T* dqkv) {
  const AttentionShape& shape = blocks.shape;
  const HeadPointers<const T> in(shape, head, qkv);
  const HeadPointers<T> gradient(shape, head, dqkv);
  const T* const out = y + head_offset(shape, head);
  const T* const dout = dy + head_offset(shape, head);
  const PackedHead<T> packed(blocks);
  const Workspace<T> projection(shape.tokens);
  const std::int64_t across = blocks.across_size();
  const std::int64_t key_size = blocks.along_size(key_block);
  const std::int64_t query_size = blocks.along_size(query_block);
  for_each_block(blocks.keys(), blocks.head_flop(), [&](std::int64_t j) {
    blocks.pack_across(j, in.k, &packed.k_across[j * across]);
    blocks.pack_across(j, in.v, &packed.v_across[j * across]);
    blocks.pack_along(j, key_block, in.k, blocks.in_step, &packed.k_along[j * key_size]);
  });
  for_each_block(blocks.queries(), blocks.head_flop(), [&](std::int64_t i) {
    const std::int64_t row = i * query_block, at = row * blocks.out_step;
    blocks.pack_along(i, query_block, in.q, blocks.in_step, &packed.q_along[i * query_size]);
    blocks.pack_along(i, query_block, dout, blocks.out_step, &packed.dy_along[i * query_size]);
    TELESCOPE_SIMD(projections<T>)
    (blocks.query_rows(i), shape.head_channels, blocks.out_step, out + at, dout + at,
     &projection[row]);
  });
  const auto block = [&](std::int64_t i, std::int64_t j, bool dq, bool dk_dv, T* p, T* ds) {
    const std::int64_t row = i * query_block, column = j * key_block;
    const T* most = statistics + head * shape.tokens + row;
    blocks.scores(i, j, in.q, blocks.in_rows, &packed.k_across[j * across], p);
    blocks.scores(i, j, dout, blocks.out_rows, &packed.v_across[j * across], ds);
    TELESCOPE_SIMD(softmax_backward_of_block<T>)
    (blocks.query_rows(i), blocks.key_rows(j), scale_of<T>(shape), most, most + shape.rows(),
     &projection[row], p, ds);
    if (dq) {
      blocks.sum_over_keys(i, j, ds, &packed.k_along[j * key_size],
                           gradient.q + row * blocks.in_step, blocks.in_rows);
    }
    if (dk_dv) {
      blocks.sum_over_queries(i, j, ds, &packed.q_along[i * query_size],
                              gradient.k + column * blocks.in_step);
      blocks.sum_over_queries(i, j, p, &packed.dy_along[i * query_size],
                              gradient.v + column * blocks.in_step);
    }
  };
  const std::int64_t size = query_block * key_block;
  if (in_parallel_loop() || thread_count() == 1) {
    const Workspace<T> work(2 * size);
    for (std::int64_t i = 0; i < blocks.queries(); ++i) {
      for (std::int64_t j = 0; j < blocks.keys(); ++j) {
        block(i, j, true, true, work.data(), &work[size]);
      }
    }
    return;
  }
  // Each sum belongs to one thread, so that its order stays: the scores are computed twice.
  for_each_block(blocks.queries(), blocks.head_flop(), [&](std::int64_t i) {
    const Workspace<T> work(2 * size);
    for (std::int64_t j = 0; j < blocks.keys(); ++j) {
      block(i, j, true, false, work.data(), &work[size]);
    }
  });
  for_each_block(blocks.keys(), blocks.head_flop(), [&](std::int64_t j) {
    const Workspace<T> work(2 * size);
    for (std::int64_t i = 0; i < blocks.queries(); ++i) {
      block(i, j, false, true, work.data(), &work[size]);
    }
  });
}

}  // namespace

template <class T>
void attention(const Stream&, const AttentionShape& shape, const T* qkv, T* y,
               Wide<T>* statistics) {
  const AttentionBlocks<T> blocks(shape);
  for_each_head(shape, [&](std::int64_t head) { forward_head(blocks, head, qkv, y, statistics); });
}

template <class T>
void attention_backward(const Stream&, const AttentionShape& shape, const T* qkv, const T* y,
                        const Wide<T>* statistics, const T* dy, T* dqkv) {
  const AttentionBlocks<T> blocks(shape);
  for_each_head(
      shape, [&](std::int64_t head) { backward_head(blocks, head, qkv, y, statistics, dy, dqkv); });
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void attention(const Stream&, const AttentionShape&, const T*, T*, Wide<T>*);     \
  template void attention_backward(const Stream&, const AttentionShape&, const T*, const T*, \
                                   const Wide<T>*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
