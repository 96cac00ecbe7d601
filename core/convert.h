// SPDX-License-Identifier: MIT
// Elements of every type, and from one to another: on hosts and in kernels.
#pragma once

#include <type_traits>

#include "core/dtype.h"

namespace telescope {

/// An element as another type: bf16 by way of float, numbers with a fraction towards zero.
template <class To, class From>
constexpr To convert_element(From value) {
  if constexpr (std::is_same_v<From, bfloat16>) {
    return convert_element<To>(static_cast<float>(value));
  } else if constexpr (std::is_same_v<To, bfloat16>) {
    return bfloat16(static_cast<float>(value));
  } else {
    return static_cast<To>(value);
  }
}

/// Calls f.operator()<T>() with T the type of `dtype`, any of the five.
template <class F>
void dispatch_any(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
    case DType::bf16:
      return f.template operator()<bfloat16>();
    case DType::u8:
      return f.template operator()<std::uint8_t>();
    case DType::i64:
      return f.template operator()<std::int64_t>();
  }
}

}  // namespace telescope
