// SPDX-License-Identifier: MIT
// Injection and the 2x2 sum: bound by memory, so that plain loops over whole rows do, once for each
// instruction set. The few channels of a picture are known to the compiler, which then vectorises
// over pixels; other numbers of channels it vectorises over the channels of a pixel.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/transfer/transfer_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "core/parallel.h"
#include "kernels/simd.h"
#include "kernels/transfer/transfer.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR
// The 2x2 sums of a picture of three channels, taken apart into vectors of one channel each: as
// many output pixels as fill vectors; returns how many those are. (Tried for injection: no gain.)
template <class T>
HWY_INLINE std::int64_t pool_rgb(std::int64_t out_w, T factor, const T* HWY_RESTRICT x,
                                 const T* HWY_RESTRICT below, T* HWY_RESTRICT y) {
  const hn::ScalableTag<T> d;
  const auto lanes = static_cast<std::int64_t>(hn::Lanes(d));
  const auto pairs = [=](auto left, auto right) HWY_ATTR {
    return hn::Add(hn::ConcatEven(d, right, left), hn::ConcatOdd(d, right, left));
  };
  const auto scaled = [=](auto a, auto b)
                          HWY_ATTR { return hn::Mul(hn::Set(d, factor), hn::Add(a, b)); };
  auto r0 = hn::Zero(d), g0 = r0, b0 = r0, r1 = r0, g1 = r0, b1 = r0;
  std::int64_t j = 0;
  for (; j + lanes <= out_w; j += lanes) {
    hn::LoadInterleaved3(d, x + 6 * j, r0, g0, b0);
    hn::LoadInterleaved3(d, x + 6 * j + 3 * lanes, r1, g1, b1);
    const auto r = pairs(r0, r1), g = pairs(g0, g1), b = pairs(b0, b1);
    hn::LoadInterleaved3(d, below + 6 * j, r0, g0, b0);
    hn::LoadInterleaved3(d, below + 6 * j + 3 * lanes, r1, g1, b1);
    hn::StoreInterleaved3(scaled(r, pairs(r0, r1)), scaled(g, pairs(g0, g1)),
                          scaled(b, pairs(b0, b1)), d, y + 3 * j);
  }
  return j;
}
#else  // which has no lanes to choose from
template <class T>
HWY_INLINE std::int64_t pool_rgb(std::int64_t, T, const T*, const T*, T*) {
  return 0;
}
#endif

// One row of an operation; C is the number of channels where it is 1 to 4, else 0 and `c` tells.

template <std::int64_t C, class T>
HWY_INLINE void inject_row(std::int64_t c, std::int64_t out_w, const T* HWY_RESTRICT x,
                           T* HWY_RESTRICT y) {
  if constexpr (C > 0) c = C;
  for (std::int64_t j = 0; j < out_w; ++j) {
    for (std::int64_t k = 0; k < c; ++k) y[j * c + k] = x[2 * j * c + k];
  }
}

template <std::int64_t C, class T>
HWY_INLINE void inject_adjoint_row(std::int64_t c, std::int64_t out_w, const T* HWY_RESTRICT dy,
                                   T* HWY_RESTRICT dx) {
  if constexpr (C > 0) c = C;
  for (std::int64_t j = 0; j < out_w; ++j) {
    for (std::int64_t k = 0; k < c; ++k) dx[2 * j * c + k] = dy[j * c + k];
    for (std::int64_t k = 0; k < c; ++k) dx[(2 * j + 1) * c + k] = 0;
  }
}

// `x` and `below` are two rows of the input.
template <std::int64_t C, class T>
HWY_INLINE void pool_row(std::int64_t c, std::int64_t out_w, T factor, const T* HWY_RESTRICT x,
                         const T* HWY_RESTRICT below, T* HWY_RESTRICT y) {
  if constexpr (C > 0) c = C;
  std::int64_t j = 0;
  if constexpr (C == 3) j = pool_rgb(out_w, factor, x, below, y);
  for (; j < out_w; ++j) {
    const T *a = x + 2 * j * c, *b = below + 2 * j * c;
    for (std::int64_t k = 0; k < c; ++k) {
      y[j * c + k] = factor * ((a[k] + a[c + k]) + (b[k] + b[c + k]));
    }
  }
}

template <std::int64_t C, class T>
HWY_INLINE void pool_adjoint_row(std::int64_t c, std::int64_t out_w, T factor,
                                 const T* HWY_RESTRICT dy, T* HWY_RESTRICT dx) {
  if constexpr (C > 0) c = C;
  for (std::int64_t j = 0; j < out_w; ++j) {
    for (std::int64_t k = 0; k < c; ++k) {
      const T value = factor * dy[j * c + k];
      dx[2 * j * c + k] = value;
      dx[(2 * j + 1) * c + k] = value;
    }
  }
}

template <class F>
HWY_INLINE void with_channels(std::int64_t c, const F& f) {
  switch (c) {
    case 1:
      return f.template operator()<1>();
    case 2:
      return f.template operator()<2>();
    case 3:
      return f.template operator()<3>();
    case 4:
      return f.template operator()<4>();
    default:
      return f.template operator()<0>();
  }
}

// Output rows [begin, end), counted through all images.
template <class T>
void inject_range(const TransferShape& s, std::int64_t begin, std::int64_t end, const T* x, T* y) {
  with_channels(s.c, [&]<std::int64_t C>() HWY_ATTR {
    for (std::int64_t r = begin; r < end; ++r) {
      const std::int64_t source = r / s.out_h * s.h + 2 * (r % s.out_h);
      inject_row<C>(s.c, s.out_w, x + source * s.w * s.c, y + r * s.out_w * s.c);
    }
  });
}

// Calls f(dy_row, dx_row) for the rows [begin, end) of dx, counted through all images. dy_row is
// null where no row of dy belongs; what f leaves of the row, right of 2 out_w, is set to zero.
template <class T, class F>
HWY_INLINE void adjoint_rows(const TransferShape& s, bool every_other, std::int64_t begin,
                             std::int64_t end, const T* dy, T* dx, const F& f) {
  const std::int64_t row = s.w * s.c, covered = 2 * s.out_w * s.c;
  for (std::int64_t r = begin; r < end; ++r) {
    const std::int64_t i = r % s.h;
    T* to = dx + r * row;
    if (i >= 2 * s.out_h || (every_other && i % 2 == 1)) {
      std::fill(to, to + row, T{0});
      continue;
    }
    f(dy + (r / s.h * s.out_h + i / 2) * s.out_w * s.c, to);
    std::fill(to + covered, to + row, T{0});
  }
}

template <class T>
void inject_adjoint_range(const TransferShape& s, std::int64_t begin, std::int64_t end, const T* dy,
                          T* dx) {
  with_channels(s.c, [&]<std::int64_t C>() HWY_ATTR {
    adjoint_rows(s, true, begin, end, dy, dx, [&](const T* from, T* to) HWY_ATTR {
      inject_adjoint_row<C>(s.c, s.out_w, from, to);
    });
  });
}

template <class T>
void pool_range(const TransferShape& s, T factor, std::int64_t begin, std::int64_t end, const T* x,
                T* y) {
  with_channels(s.c, [&]<std::int64_t C>() HWY_ATTR {
    for (std::int64_t r = begin; r < end; ++r) {
      const T* from = x + (r / s.out_h * s.h + 2 * (r % s.out_h)) * s.w * s.c;
      pool_row<C>(s.c, s.out_w, factor, from, from + s.w * s.c, y + r * s.out_w * s.c);
    }
  });
}

template <class T>
void pool_adjoint_range(const TransferShape& s, T factor, std::int64_t begin, std::int64_t end,
                        const T* dy, T* dx) {
  with_channels(s.c, [&]<std::int64_t C>() HWY_ATTR {
    adjoint_rows(s, false, begin, end, dy, dx, [&](const T* from, T* to) HWY_ATTR {
      pool_adjoint_row<C>(s.c, s.out_w, factor, from, to);
    });
  });
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {
namespace {
// Rows worth a thread: about 64 KiB of floats.
std::int64_t grain(std::int64_t row) { return (1 << 14) / std::max<std::int64_t>(row, 1) + 1; }
}  // namespace

template <class T>
void inject(const Stream&, const TransferShape& s, const T* x, T* y) {
  parallel_for(s.n * s.out_h, grain(s.out_w * s.c), [&](std::int64_t begin, std::int64_t end) {
    TELESCOPE_SIMD(inject_range<T>)(s, begin, end, x, y);
  });
}

template <class T>
void inject_adjoint(const Stream&, const TransferShape& s, const T* dy, T* dx) {
  parallel_for(s.n * s.h, grain(s.w * s.c), [&](std::int64_t begin, std::int64_t end) {
    TELESCOPE_SIMD(inject_adjoint_range<T>)(s, begin, end, dy, dx);
  });
}

template <class T>
void pool2x2(const Stream&, const TransferShape& s, Wide<T> factor, const T* x, T* y) {
  parallel_for(s.n * s.out_h, grain(s.w * s.c), [&](std::int64_t begin, std::int64_t end) {
    TELESCOPE_SIMD(pool_range<T>)(s, factor, begin, end, x, y);
  });
}

template <class T>
void pool2x2_adjoint(const Stream&, const TransferShape& s, Wide<T> factor, const T* dy, T* dx) {
  parallel_for(s.n * s.h, grain(s.w * s.c), [&](std::int64_t begin, std::int64_t end) {
    TELESCOPE_SIMD(pool_adjoint_range<T>)(s, factor, begin, end, dy, dx);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                     \
  template void inject(const Stream&, const TransferShape&, const T*, T*);           \
  template void inject_adjoint(const Stream&, const TransferShape&, const T*, T*);   \
  template void pool2x2(const Stream&, const TransferShape&, Wide<T>, const T*, T*); \
  template void pool2x2_adjoint(const Stream&, const TransferShape&, Wide<T>, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
