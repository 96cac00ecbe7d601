// SPDX-License-Identifier: MIT
// Arrays of random numbers. Element i depends on the key and on i alone, in the same bits on every
// device and instruction set; an array is the beginning of every longer one with the same key.
#pragma once

#include <cstdint>

#include "core/device.h"
#include "core/philox.h"

namespace telescope::kernels {

/// out[i] = low + (high - low) u_i, u_i = uniform01(key.words(i / 4)[i % 4]) in [0, 1), computed in
/// float; double outputs are the float values. Where low is not 0, rounding may give `high` itself.
template <class T>
void fill_uniform(const Stream& stream, const RandomKey& key, std::int64_t n, float low, float high,
                  T* out);

/// out[i] normal with mean 0 and deviation 1: with w = key.words(i / 4), elements 0 and 1 of four
/// are normal_pair(w[0], w[1]), elements 2 and 3 are normal_pair(w[2], w[3]) (box_muller.h),
/// computed in float; double outputs are the float values.
template <class T>
void fill_normal(const Stream& stream, const RandomKey& key, std::int64_t n, T* out);

}  // namespace telescope::kernels
