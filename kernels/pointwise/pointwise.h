// SPDX-License-Identifier: MIT
// Elementwise functions of one or two arrays, and their derivatives.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// One-argument functions; `a` is their parameter where they have one.
///   silu        x / (1 + exp(-x))
///   relu        max(x, 0), slope 0 at 0
///   leaky_relu  x > 0 ? x : a x, slope a at 0
///   tanh, sigmoid
///   scale       a x
enum class Unary { silu, relu, leaky_relu, tanh, sigmoid, scale };
std::string_view name_of(Unary function);

/// Two-argument functions: add, sub, mul.
enum class Binary { add, sub, mul };
std::string_view name_of(Binary function);

/// y[i] = f(x[i]), i < n; y may be x. Reads and writes n elements each.
template <class T>
void unary(const Stream& stream, Unary function, Wide<T> a, std::int64_t n, const T* x, T* y);

/// dx[i] = f'(x[i]) dy[i]; overwrites; dx may be dy. Saved: x.
template <class T>
void unary_backward(const Stream& stream, Unary function, Wide<T> a, std::int64_t n, const T* x,
                    const T* dy, T* dx);

/// y[i] = f(a[i], b[i]); y may be a or b. Gradients are themselves Binary or Unary functions.
template <class T>
void binary(const Stream& stream, Binary function, std::int64_t n, const T* a, const T* b, T* y);

}  // namespace telescope::kernels
