// SPDX-License-Identifier: MIT
// Losses that are a mean over elements: squared error and absolute error.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// Of d = y - target:
///   mse   d d
///   l1    |d|, slope 0 at 0
enum class Loss { mse, l1 };
std::string_view name_of(Loss loss);

/// value[s] = mean of loss(y - target) over the m elements of sample s, for n samples.
///   y, target [n, m];  value [n]. Saved for backward: y, target.
template <class T>
void loss(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
          const Wide<T>* target, Wide<T>* value);

/// dy = loss'(y - target) dvalue[s] / m and dtarget = -dy; overwrites. dtarget may be null, dy too.
template <class T>
void loss_backward(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
                   const Wide<T>* target, const Wide<T>* dvalue, T* dy, Wide<T>* dtarget);

}  // namespace telescope::kernels
