// SPDX-License-Identifier: MIT
// Products of small matrices by a warp on the tensor cores (mma.sync), with fragments laid out as in
// the PTX manual, and the loads that fill them. With g = lane / 4 and t = lane % 4:
//   c, d (16 x 8, f32)     [0] (g, 2t)   [1] (g, 2t+1)   [2] (g+8, 2t)   [3] (g+8, 2t+1)
//   a (16 x 8, tf32)       [0] (g, t)    [1] (g+8, t)    [2] (g, t+4)    [3] (g+8, t+4)
//   b (8 x 8, tf32)        [0] (t, g)    [1] (t+4, g)
//   a (16 x 16, 16 bits)   [0] (g, 2t)   [1] (g+8, 2t)   [2] (g, 2t+8)   [3] (g+8, 2t+8)   and right of each
//   b (16 x 8, 16 bits)    [0] (2t, g)   [1] (2t+8, g)                                     and below each
// Two 16-bit elements share a register, the first in the lower half. Included by simt.h.
#pragma once

#include "core/dtype.h"
#include "kernels/simt/memory.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

/// The float that tf32 keeps, of 10 bits of mantissa, rounded to nearest. Without it the tensor
/// cores cut the lower bits off.
__device__ __forceinline__ std::uint32_t to_tf32(float x) {
#if defined(__CUDACC__)
  std::uint32_t bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return bits;
#else
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const bool nan = (bits & 0x7fffffffu) > 0x7f800000u;  // must not round up to infinity, or down
  return nan ? 0x7fffffffu : (bits + 0x1000u) & 0xffffe000u;
#endif
}

#if !defined(__CUDACC__)
namespace detail {

struct Fragments {
  std::uint32_t a[4], b[2];
};

inline float tf32_value(std::uint32_t bits) { return std::bit_cast<float>(bits & 0xffffe000u); }
inline float half_value(std::uint16_t bits) {
  const unsigned exponent = bits >> 10 & 31u, mantissa = bits & 1023u;
  float size = std::ldexp(static_cast<float>(exponent ? mantissa + 1024 : mantissa),
                          static_cast<int>(exponent ? exponent : 1) - 25);
  if (exponent == 31) size = mantissa ? NAN : INFINITY;
  return bits >> 15 ? -size : size;
}

// d += a b with element(fragment word, upper half) as numbers; k is 8 or 16.
template <int k, class Element>
void multiply_fragments(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                        const Element& element, const Where& at) {
  auto& thread = simt::this_thread();
  Fragments mine;
  for (int i = 0; i < 4; ++i) mine.a[i] = a[i];
  for (int i = 0; i < 2; ++i) mine.b[i] = b[i];
  const auto all = thread.exchange(simt::WarpOperation::mma, 0xffffffffu, mine, at);
  const unsigned g = thread.lane() / 4, t = thread.lane() % 4;
  constexpr int half = k / 2, per_word = k / 8;
  // Column p of a row lies on the lanes of that row, column by column, in the left or right half.
  for (int p = 0; p < k; ++p) {
    const unsigned from = static_cast<unsigned>(p % half / per_word);
    const bool upper = p % per_word;
    const int side = p / half;
    float as[2], bs[2];
    for (int i = 0; i < 2; ++i) {
      as[i] = element(all.of<Fragments>(4 * g + from).a[2 * side + i], upper);
      bs[i] =
          element(all.of<Fragments>(4 * (2 * t + static_cast<unsigned>(i)) + from).b[side], upper);
    }
    for (int i = 0; i < 4; ++i) d[i] = std::fma(as[i / 2], bs[i % 2], d[i]);
  }
}

}  // namespace detail
#endif

/// d += a b, [16 x 8] += [16 x 8] [8 x 8], operands in tf32 (the lower 13 bits do not count).
#if defined(__CUDACC__)
__device__ __forceinline__ void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
inline void mma_tf32(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                     Where at = Where::current()) {
  detail::multiply_fragments<8>(
      d, a, b, [](std::uint32_t word, bool) { return detail::tf32_value(word); }, at);
}
#endif

/// d += a b, [16 x 8] += [16 x 16] [16 x 8], operands in bf16.
#if defined(__CUDACC__)
__device__ __forceinline__ void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4],
                                         const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
      "{%8,%9}, {%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
inline void mma_bf16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                     Where at = Where::current()) {
  detail::multiply_fragments<16>(
      d, a, b,
      [](std::uint32_t word, bool upper) {
        return std::bit_cast<float>(upper ? word & 0xffff0000u : word << 16);
      },
      at);
}
#endif

/// The same with operands in f16.
#if defined(__CUDACC__)
__device__ __forceinline__ void mma_f16(float (&d)[4], const std::uint32_t (&a)[4],
                                        const std::uint32_t (&b)[2]) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
}
#else
inline void mma_f16(float (&d)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
                    Where at = Where::current()) {
  detail::multiply_fragments<16>(
      d, a, b,
      [](std::uint32_t word, bool upper) {
        return detail::half_value(static_cast<std::uint16_t>(upper ? word >> 16 : word));
      },
      at);
}
#endif

/// Four matrices of 8 x 8 elements of 16 bits from shared memory. Lane 8 i + r gives the address of
/// row r of matrix i, a multiple of 16 bytes; to[i] gets elements (g, 2t) and (g, 2t+1) of matrix i,
/// or, transposed, (2t, g) and (2t+1, g).
template <bool transposed = false>
__device__ __forceinline__ void ldmatrix(std::uint32_t (&to)[4], const void* row
#if !defined(__CUDACC__)
                                         ,
                                         Where at = Where::current()
#endif
) {
#if defined(__CUDACC__)
  const auto address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (transposed) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(address)
                 : "memory");
  }
#else
  check_alignment<16>(row, "loads a matrix row from");
  auto& thread = simt::this_thread();
  const auto rows = thread.exchange(simt::WarpOperation::ldmatrix, 0xffffffffu, row, at);
  const unsigned g = thread.lane() / 4, t = thread.lane() % 4;
  for (unsigned i = 0; i < 4; ++i) {
    const auto element = [&](unsigned r, unsigned c) {
      return std::uint32_t{rows.of<const std::uint16_t*>(8 * i + r)[c]};
    };
    to[i] = transposed ? element(2 * t, g) | element(2 * t + 1, g) << 16
                       : element(g, 2 * t) | element(g, 2 * t + 1) << 16;
  }
#endif
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
