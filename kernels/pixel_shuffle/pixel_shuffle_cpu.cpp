// SPDX-License-Identifier: MIT
// A pixel of x is a c by (r r) block of memory that goes transposed into r rows of y. The work is
// in the index, so r and c are known to the compiler where they are those of super-resolution.
#include <algorithm>

#include "core/parallel.h"
#include "kernels/pixel_shuffle/pixel_shuffle.h"

namespace telescope::kernels::cpu {
namespace {

// Calls move(x, y) for every element with its pointers, for the rows [begin, end) of pixels of x,
// counted through all images; R and C are r and c where the compiler shall know them, else 0.
template <std::int64_t R, std::int64_t C, class X, class Y, class Move>
void for_each_element(const PixelShuffleShape& s, std::int64_t begin, std::int64_t end, X* x, Y* y,
                      const Move& move) {
  const std::int64_t r = R ? R : s.r, c = C ? C : s.c;
  for (std::int64_t row = begin; row < end; ++row) {
    for (std::int64_t i = 0; i < r; ++i) {
      X* from = x + row * s.w * c * r * r + i * r;
      Y* to = y + (row * r + i) * s.w * r * c;
      for (std::int64_t w = 0; w < s.w; ++w, from += c * r * r, to += r * c) {
        for (std::int64_t j = 0; j < r; ++j) {
          for (std::int64_t k = 0; k < c; ++k) move(from[k * r * r + j], to[j * c + k]);
        }
      }
    }
  }
}

template <class X, class Y, class Move>
void for_all(const PixelShuffleShape& s, X* x, Y* y, const Move& move) {
  const std::int64_t row = s.w * s.c * s.r * s.r;
  const std::int64_t grain = (1 << 14) / std::max<std::int64_t>(row, 1) + 1;
  parallel_for(s.n * s.h, grain, [&](std::int64_t begin, std::int64_t end) {
    if (s.r == 2 && s.c == 3) return for_each_element<2, 3>(s, begin, end, x, y, move);
    if (s.r == 3 && s.c == 3) return for_each_element<3, 3>(s, begin, end, x, y, move);
    if (s.r == 4 && s.c == 3) return for_each_element<4, 3>(s, begin, end, x, y, move);
    if (s.r == 2) return for_each_element<2, 0>(s, begin, end, x, y, move);
    for_each_element<0, 0>(s, begin, end, x, y, move);
  });
}

}  // namespace

template <class T>
void pixel_shuffle(const Stream&, const PixelShuffleShape& shape, const T* x, T* y) {
  for_all(shape, x, y, [](const T& from, T& to) { to = from; });
}

template <class T>
void pixel_shuffle_backward(const Stream&, const PixelShuffleShape& shape, const T* dy, T* dx) {
  for_all(shape, dx, dy, [](T& to, const T& from) { to = from; });
}

#define TELESCOPE_INSTANTIATE(T)                                                      \
  template void pixel_shuffle(const Stream&, const PixelShuffleShape&, const T*, T*); \
  template void pixel_shuffle_backward(const Stream&, const PixelShuffleShape&, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
