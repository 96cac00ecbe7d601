// SPDX-License-Identifier: MIT
// Blends two batches of images, each image in its own proportion: how tasks add noise.
#pragma once

#include <cstdint>

#include "core/device.h"

namespace telescope::kernels {

/// y[i,j] = t[i] a[i,j] + (1 - t[i]) b[i,j] for n samples of `size` elements; y may be a or b.
template <class T>
void mix(const Stream& stream, std::int64_t n, std::int64_t size, const T* t, const T* a,
         const T* b, T* y);

}  // namespace telescope::kernels
