// SPDX-License-Identifier: MIT
// Elementwise functions. All take and return tensors of any shape; dtypes f32, f64, bf16 (on devices,
// computed in f32).
#pragma once

#include "core/tensor.h"

namespace telescope {

Tensor silu(const Tensor& x);  ///< x sigmoid(x)
Tensor relu(const Tensor& x);  ///< max(x, 0); slope 0 at 0
/// x where x > 0, else slope * x; its derivative at 0 is `slope`.
Tensor leaky_relu(const Tensor& x, double slope = 0.2);
Tensor tanh(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor scale(const Tensor& x, double factor);  ///< factor x

/// Of equal shapes and dtypes, Error otherwise; but f32 and bf16 make f32.
Tensor add(const Tensor& a, const Tensor& b);
Tensor sub(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);

inline Tensor operator+(const Tensor& a, const Tensor& b) { return add(a, b); }
inline Tensor operator-(const Tensor& a, const Tensor& b) { return sub(a, b); }
inline Tensor operator*(const Tensor& a, const Tensor& b) { return mul(a, b); }
inline Tensor operator*(double factor, const Tensor& x) { return scale(x, factor); }

}  // namespace telescope
