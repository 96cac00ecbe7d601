// SPDX-License-Identifier: MIT
// Element types of tensors, and the one place where a run-time type becomes a template argument.
#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <type_traits>

#include "core/error.h"

namespace telescope {

enum class DType : std::uint8_t { f32, f64, bf16, u8, i64 };

/// Brain floating point: the upper half of a float, rounded to nearest even. Storage only.
struct bfloat16 {
  std::uint16_t bits = 0;

  bfloat16() = default;
  constexpr explicit bfloat16(float value) {
#if defined(__CUDA_ARCH__)
    if (!std::is_constant_evaluated()) {  // one instruction, for kernels
      asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(bits) : "f"(value));
      return;
    }
#endif
    const auto word = std::bit_cast<std::uint32_t>(value);
    const bool nan = (word & 0x7fffffffu) > 0x7f800000u;
    bits = static_cast<std::uint16_t>(nan ? (word >> 16) | 0x40u
                                          : (word + 0x7fffu + ((word >> 16) & 1u)) >> 16);
  }
  constexpr explicit operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
};

/// Bytes of one element.
constexpr std::int64_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return 4;
    case DType::f64:
      return 8;
    case DType::bf16:
      return 2;
    case DType::u8:
      return 1;
    case DType::i64:
      return 8;
  }
  return 0;
}

constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::f64:
      return "f64";
    case DType::bf16:
      return "bf16";
    case DType::u8:
      return "u8";
    case DType::i64:
      return "i64";
  }
  return "?";
}

template <class T>
inline constexpr DType dtype_of = [] { static_assert(sizeof(T) == 0, "not a tensor type"); }();
template <>
inline constexpr DType dtype_of<float> = DType::f32;
template <>
inline constexpr DType dtype_of<double> = DType::f64;
template <>
inline constexpr DType dtype_of<bfloat16> = DType::bf16;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::u8;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::i64;

/// What goes with activations of type T in full width: parameters and their gradients, statistics,
/// sums, losses. float for bfloat16, else T itself.
template <class T>
struct WideType {
  using type = T;
};
template <>
struct WideType<bfloat16> {
  using type = float;
};
template <class T>
using Wide = typename WideType<T>::type;
constexpr DType wide(DType dtype) { return dtype == DType::bf16 ? DType::f32 : dtype; }

/// Calls f.operator()<T>() with T the type of `dtype`; Error for types that cannot be computed on.
///   dispatch_float(x.dtype(), "silu", [&]<class T>() { kernels::silu(..., x.data<T>(), ...); });
template <class F>
decltype(auto) dispatch_float(DType dtype, std::string_view operation, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
    default:
      raise(operation, "expected f32 or f64, got {}", name_of(dtype));
  }
}

/// The same for what keeps its results as activations, which may be stored as bf16 on devices.
template <class F>
decltype(auto) dispatch_activation(DType dtype, std::string_view operation, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
    case DType::bf16:
      return f.template operator()<bfloat16>();
    default:
      raise(operation, "expected f32, f64 or bf16, got {}", name_of(dtype));
  }
}

}  // namespace telescope
