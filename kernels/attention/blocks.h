// SPDX-License-Identifier: MIT
// Attention on the CPU cut into blocks: where their elements stand, and their products.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "kernels/attention/attention.h"
#include "kernels/matmul/product.h"

namespace telescope::kernels {

/// Tokens of a block. A block of scores is [query_block, key_block]; 96 keys are whole register
/// tiles for every instruction set.
inline constexpr std::int64_t query_block = 64, key_block = 96;

/// First element of a head in y; `head` counts the heads of all samples.
inline std::int64_t head_offset(const AttentionShape& shape, std::int64_t head) {
  return head / shape.heads * shape.tokens * shape.channels() +
         head % shape.heads * shape.head_channels;
}

/// First query, key and value of a head in qkv.
template <class T>
struct HeadPointers {
  HeadPointers(const AttentionShape& shape, std::int64_t head, T* qkv)
      : q(qkv + 3 * head_offset(shape, head)),
        k(q + shape.head_channels),
        v(k + shape.head_channels) {}
  T *q, *k, *v;
};

template <class T>
class AttentionBlocks {
 public:
  explicit AttentionBlocks(const AttentionShape& attention_shape)
      : shape(attention_shape),
        in_step(3 * shape.channels()),
        out_step(shape.channels()),
        in_rows(rows_of(in_step)),
        out_rows(rows_of(out_step)),
        block_rows_(rows_of(key_block)),
        block_columns_(rows_of(1)) {}

  const AttentionShape shape;
  const std::int64_t in_step, out_step;  // from token to token in qkv and in y
  const std::vector<std::int64_t> in_rows, out_rows;

  std::int64_t queries() const { return (shape.tokens + query_block - 1) / query_block; }
  std::int64_t keys() const { return (shape.tokens + key_block - 1) / key_block; }
  std::int64_t query_rows(std::int64_t i) const { return tokens_of(i, query_block); }
  std::int64_t key_rows(std::int64_t j) const { return tokens_of(j, key_block); }

  /// Of one product of all queries with all keys of a head.
  std::int64_t head_flop() const { return shape.product_flop() / (shape.n * shape.heads); }

  /// Keys j as the columns of a packed matrix [head_channels, keys].
  std::int64_t across_size() const {
    return shape.head_channels * cpu::padded_columns<T>(key_block);
  }
  void pack_across(std::int64_t j, const T* source, T* packed) const {
    cpu::pack(shape.head_channels, key_rows(j), 0, shape.head_channels,
              source + j * key_block * in_step, 1, in_step, packed);
  }
  /// Block i of `size` tokens as a packed matrix [tokens, head_channels].
  std::int64_t along_size(std::int64_t size) const {
    return size * cpu::padded_columns<T>(shape.head_channels);
  }
  void pack_along(std::int64_t i, std::int64_t size, const T* source, std::int64_t step,
                  T* packed) const {
    const std::int64_t rows = tokens_of(i, size);
    cpu::pack(rows, shape.head_channels, 0, rows, source + i * size * step, step, 1, packed);
  }

  /// c[q, k] = a[q] . b[k] for queries i and keys j; `rows` as in_rows or out_rows of a.
  void scores(std::int64_t i, std::int64_t j, const T* a, const std::vector<std::int64_t>& rows,
              const T* across, T* c) const {
    cpu::Product<T> product;
    product.m = query_rows(i), product.n = key_rows(j), product.length = shape.head_channels;
    product.a = a + i * query_block * rows[1], product.a_row = rows.data();
    product.b = across;
    product.c = c, product.c_row = block_rows_.data();
    cpu::multiply(product);
  }
  /// c[q] = sum_k block[q, k] b[k], added to the sums over the keys before.
  void sum_over_keys(std::int64_t i, std::int64_t j, const T* block, const T* along, T* c,
                     const std::vector<std::int64_t>& rows) const {
    cpu::Product<T> product;
    product.m = query_rows(i), product.n = shape.head_channels, product.length = key_rows(j);
    product.a = block, product.a_row = block_rows_.data();
    product.b = along;
    product.c = c, product.c_row = rows.data(), product.addend = j > 0 ? c : nullptr;
    cpu::multiply(product);
  }
  /// c[k] = sum_q block[q, k] b[q], added to the sums over the queries before; c as in qkv.
  void sum_over_queries(std::int64_t i, std::int64_t j, const T* block, const T* along,
                        T* c) const {
    cpu::Product<T> product;
    product.m = key_rows(j), product.n = shape.head_channels, product.length = query_rows(i);
    product.a = block, product.a_row = block_columns_.data(), product.a_step = key_block;
    product.b = along;
    product.c = c, product.c_row = in_rows.data(), product.addend = i > 0 ? c : nullptr;
    cpu::multiply(product);
  }

 private:
  static std::vector<std::int64_t> rows_of(std::int64_t step) {
    std::vector<std::int64_t> rows(std::max(query_block, key_block));
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<std::int64_t>(i) * step;
    return rows;
  }
  std::int64_t tokens_of(std::int64_t i, std::int64_t size) const {
    return std::min(size, shape.tokens - i * size);
  }

  std::vector<std::int64_t> block_rows_, block_columns_;  // of a block of scores
};

}  // namespace telescope::kernels
