// SPDX-License-Identifier: MIT
// The image is cut into bands of rows. Of each band the maps to blur are made row by row, blurred
// along the row, and kept in a second-level cache until the blur across rows takes them from there
// straight into the formula. A row is one flat array: a step to the next pixel is `channels` wide.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/ssim/ssim_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>

#include "kernels/simd.h"
#include "kernels/ssim/ssim.h"
#include "kernels/ssim/ssim_band.h"
#include "kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// The window at one place: neighbours are `step` apart.
template <class D, class T>
HWY_INLINE auto blur(D d, const T* at, std::int64_t step, const T* weights) {
  auto sum = hn::Mul(hn::LoadU(d, at), hn::Set(d, weights[0]));
  for (std::int64_t i = 1; i <= ssim_reach; ++i) {
    const auto pair = hn::Add(hn::LoadU(d, at - i * step), hn::LoadU(d, at + i * step));
    sum = hn::MulAdd(pair, hn::Set(d, weights[i]), sum);
  }
  return sum;
}

// Blurs `maps` maps along the rows of the band and the rows its window reaches; make(y, padded)
// writes row y of every map between margins of zeros.
template <class T, class Make>
HWY_INLINE void blur_rows(const SsimBand<T>& band, const Make& make) {
  std::fill_n(band.padded, band.maps * band.padded_length(), T{0});
  for (std::int64_t y = band.begin - ssim_reach; y < band.end + ssim_reach; ++y) {
    T* const out = band.row(y);
    if (y < 0 || y >= band.height) {
      std::fill_n(out, band.maps * band.length, T{0});
      continue;
    }
    make(y);
    for (std::int64_t map = 0; map < band.maps; ++map) {
      const T* in = band.map(map);
      T* to = out + map * band.length;
      vector_loop<T>(band.length, [=, &band](auto d, std::int64_t i) HWY_ATTR {
        hn::StoreU(blur(d, in + i, band.step, band.weights), d, to + i);
      });
    }
  }
}

// S and its derivatives for the rows of a band; sums[y] is the sum over row y.
template <class T>
void ssim_of_band(const SsimBand<T>& band, T c1, T c2, const T* a, const T* b, double* sums,
                  T* slopes, std::int64_t plane) {
  const std::int64_t length = band.length, across = band.maps * length;
  blur_rows(band, [=, &band](std::int64_t y) HWY_ATTR {
    const T *u = a + y * length, *v = b + y * length;
    vector_loop<T>(length, [=, &band](auto d, std::int64_t i) HWY_ATTR {
      const auto ai = hn::LoadU(d, u + i), bi = hn::LoadU(d, v + i);
      hn::StoreU(ai, d, band.map(0) + i);
      hn::StoreU(bi, d, band.map(1) + i);
      hn::StoreU(hn::Mul(ai, ai), d, band.map(2) + i);
      hn::StoreU(hn::Mul(bi, bi), d, band.map(3) + i);
      hn::StoreU(hn::Mul(ai, bi), d, band.map(4) + i);
    });
  });
  for (std::int64_t y = band.begin; y < band.end; ++y) {
    const T* at = band.row(y);
    T* const out = slopes ? slopes + y * length : nullptr;
    double unused;
    vector_sums<T>(length, sums[y], unused,
                   [=, &band](auto d, std::int64_t i, auto& sum, auto&) HWY_ATTR {
                     const auto blurred = [=, &band](std::int64_t map) HWY_ATTR {
                       return blur(d, at + map * length + i, across, band.weights);
                     };
                     const auto two = hn::Set(d, 2), one = hn::Set(d, 1);
                     const auto ma = blurred(0), mb = blurred(1);
                     const auto mab = hn::Mul(ma, mb), mm = hn::MulAdd(ma, ma, hn::Mul(mb, mb));
                     const auto a1 = hn::MulAdd(two, mab, hn::Set(d, c1));
                     const auto a2 = hn::MulAdd(two, hn::Sub(blurred(4), mab), hn::Set(d, c2));
                     const auto b1 = hn::Div(one, hn::Add(mm, hn::Set(d, c1)));
                     const auto spread = hn::Sub(hn::Add(blurred(2), blurred(3)), mm);
                     const auto b2 = hn::Div(one, hn::Add(spread, hn::Set(d, c2)));
                     const auto s = hn::Mul(hn::Mul(a1, b1), hn::Mul(a2, b2));
                     sum = hn::Add(sum, s);
                     if (!out) return;
                     // 2 mb (a2 - a1) b1 b2 - 2 ma s (b1 - b2), and with ma and mb exchanged
                     const auto both = hn::Mul(two, hn::Mul(b1, b2));
                     const auto other = hn::Mul(both, hn::Sub(a2, a1));
                     const auto own = hn::Mul(hn::Mul(two, s), hn::Sub(b2, b1));
                     hn::StoreU(hn::MulAdd(mb, other, hn::Mul(ma, own)), d, out + i);
                     hn::StoreU(hn::MulAdd(ma, other, hn::Mul(mb, own)), d, out + plane + i);
                     hn::StoreU(hn::Neg(hn::Mul(s, b2)), d, out + 2 * plane + i);
                     hn::StoreU(hn::Mul(both, a1), d, out + 3 * plane + i);
                   });
  }
}

// da for the rows of a band; `slope_mean` is the derivative by the blurred a.
template <class T>
void backward_of_band(const SsimBand<T>& band, T factor, const T* a, const T* b,
                      const T* slope_mean, const T* slope_square, const T* slope_product, T* da) {
  const std::int64_t length = band.length, across = band.maps * length;
  blur_rows(band, [=, &band](std::int64_t y) {
    std::copy_n(slope_mean + y * length, length, band.map(0));
    std::copy_n(slope_square + y * length, length, band.map(1));
    std::copy_n(slope_product + y * length, length, band.map(2));
  });
  for (std::int64_t y = band.begin; y < band.end; ++y) {
    const T *at = band.row(y), *u = a + y * length, *v = b + y * length;
    T* const out = da + y * length;
    vector_loop<T>(length, [=, &band](auto d, std::int64_t i) HWY_ATTR {
      const auto blurred = [=, &band](std::int64_t map) HWY_ATTR {
        return blur(d, at + map * length + i, across, band.weights);
      };
      const auto twice = hn::Mul(hn::Set(d, 2), hn::LoadU(d, u + i));
      const auto with_square = hn::MulAdd(twice, blurred(1), blurred(0));
      const auto sum = hn::MulAdd(hn::LoadU(d, v + i), blurred(2), with_square);
      hn::StoreU(hn::Mul(sum, hn::Set(d, factor)), d, out + i);
    });
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
#include "core/parallel.h"
#include "kernels/workspace.h"

namespace telescope::kernels::cpu {
namespace {

// Calls f(sample, band) for every band of every image.
template <class T, class F>
void for_each_band(const SsimShape& shape, std::int64_t maps, F&& f) {
  const std::int64_t rows = 16, bands = (shape.height + rows - 1) / rows;
  const std::int64_t grain = (1 << 13) / (rows * shape.width * shape.channels);
  parallel_for(shape.n * bands, grain, [&](std::int64_t first, std::int64_t last) {
    SsimBand<T> band(shape, maps);
    const Workspace<T> rows_memory(maps * band.length * (rows + 2 * ssim_reach));
    const Workspace<T> padded_memory(maps * band.padded_length());
    band.rows = rows_memory.data();
    band.padded = padded_memory.data();
    for (std::int64_t i = first; i < last; ++i) {
      band.begin = i % bands * rows;
      band.end = std::min(band.begin + rows, shape.height);
      f(i / bands, band);
    }
  });
}

}  // namespace

template <class T>
void ssim(const Stream&, const SsimShape& shape, double range, const T* a, const T* b, T* value,
          T* slopes) {
  const std::int64_t m = shape.sample();
  const T c1 = static_cast<T>(0.01 * range * 0.01 * range);
  const T c2 = static_cast<T>(0.03 * range * 0.03 * range);
  const Workspace<double> sums(shape.n * shape.height);
  for_each_band<T>(shape, 5, [&](std::int64_t s, const SsimBand<T>& band) {
    TELESCOPE_SIMD(ssim_of_band<T>)
    (band, c1, c2, a + s * m, b + s * m, &sums[s * shape.height], slopes ? slopes + s * m : nullptr,
     shape.numel());
  });
  for (std::int64_t s = 0; s < shape.n; ++s) {
    double sum = 0;
    for (std::int64_t y = 0; y < shape.height; ++y) sum += sums[s * shape.height + y];
    value[s] = static_cast<T>(sum / static_cast<double>(m));
  }
}

template <class T>
void ssim_backward(const Stream&, const SsimShape& shape, const T* a, const T* b, const T* slopes,
                   const T* dvalue, T* da, T* db) {
  const std::int64_t m = shape.sample(), plane = shape.numel();
  for_each_band<T>(shape, 3, [&](std::int64_t s, const SsimBand<T>& band) {
    const T factor = static_cast<T>(double{dvalue[s]} / static_cast<double>(m));
    const T *u = a + s * m, *v = b + s * m, *slope = slopes + s * m;
    const auto run = TELESCOPE_SIMD(backward_of_band<T>);
    if (da) run(band, factor, u, v, slope, slope + 2 * plane, slope + 3 * plane, da + s * m);
    if (db)
      run(band, factor, v, u, slope + plane, slope + 2 * plane, slope + 3 * plane, db + s * m);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void ssim(const Stream&, const SsimShape&, double, const T*, const T*, T*, T*);   \
  template void ssim_backward(const Stream&, const SsimShape&, const T*, const T*, const T*, \
                              const T*, T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
