// SPDX-License-Identifier: MIT
// One number per sample and channel, spread over the pixels of an image: how a network is told the
// time, and its backward.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// Images x [n, pixels, c] and a vector e [n, c] for each.
struct PerChannel {
  std::int64_t n = 0, pixels = 0, c = 0;
  std::int64_t numel() const { return n * pixels * c; }
};

/// y[n, p, c] = x[n, p, c] + e[n, c]; y may be x. Saved: nothing; dx is dy.
template <class T>
void add_per_channel(const Stream& stream, const PerChannel& shape, const T* x, const Wide<T>* e,
                     T* y);

/// de[n, c] = sum_p dy[n, p, c], summed in double and in an order that does not depend on the
/// number of threads; overwrites.
template <class T>
void sum_per_channel(const Stream& stream, const PerChannel& shape, const T* dy, Wide<T>* de);

/// sum[c] += sum_n e[n, c], summed in double: of gradients that belong to a sample each, the one of
/// what all of them share. e [n, c]; accumulates. float and double.
template <class T>
void sum_over_samples(const Stream& stream, std::int64_t n, std::int64_t c, const T* e, T* sum);

}  // namespace telescope::kernels
