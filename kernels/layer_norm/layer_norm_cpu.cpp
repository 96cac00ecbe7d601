// SPDX-License-Identifier: MIT
// Memory-bound: a sample is read once for its sums and once more, from a cache where it fits, to be
// normalised.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/layer_norm/layer_norm_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "kernels/layer_norm/layer_norm.h"
#include "kernels/moments.h"
#include "kernels/sample_chunks.h"
#include "kernels/simd.h"
#include "kernels/vector_loops-inl.h"
#include "kernels/workspace.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

// Two passes over a chunk in the first-level cache. The second also sums the deviations from the
// rounded mean of the first, which corrects mean and variance for its rounding.
template <class T>
Moments moments_of_range(std::int64_t n, const T* x) {
  double sum, unused, first, second;
  vector_sums<T>(n, sum, unused, [=](auto d, std::int64_t i, auto& a, auto&) HWY_ATTR {
    a = hn::Add(a, hn::LoadU(d, x + i));
  });
  const T about = static_cast<T>(sum / static_cast<double>(n));
  vector_sums<T>(n, first, second, [=](auto d, std::int64_t i, auto& a, auto& b) HWY_ATTR {
    const auto deviation = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, about));
    a = hn::Add(a, deviation);
    b = hn::MulAdd(deviation, deviation, b);
  });
  return Moments::about(static_cast<double>(n), double{about}, first, second);
}

// v where `by` is above 0, else slope v.
template <class D, class V, class T>
HWY_INLINE V leaky(D d, V by, V v, T slope) {
  return hn::IfThenElse(hn::Gt(by, hn::Zero(d)), v, hn::Mul(v, hn::Set(d, slope)));
}

// x' = (x - mean) rstd; the mean in two parts, since a large one rounded to T would shift all of x'.
template <class T>
void normalise_range(std::int64_t n, double mean, double rstd, T slope, const T* x, T* y) {
  const T high = static_cast<T>(mean), factor = static_cast<T>(rstd);
  const T shift = static_cast<T>((double{high} - mean) * rstd);
  vector_loop<T>(n, [=](auto d, std::int64_t i) HWY_ATTR {
    const auto deviation = hn::Sub(hn::LoadU(d, x + i), hn::Set(d, high));
    const auto normal = hn::MulAdd(deviation, hn::Set(d, factor), hn::Set(d, shift));
    hn::StoreU(leaky(d, normal, normal, slope), d, y + i);
  });
}

// Sums of dx' and of dx' x', which is dy y on both sides of 0.
template <class T>
void backward_sums_of_range(std::int64_t n, T slope, const T* y, const T* dy, double* sum_dx,
                            double* sum_dx_x) {
  vector_sums<T>(n, *sum_dx, *sum_dx_x, [=](auto d, std::int64_t i, auto& a, auto& b) HWY_ATTR {
    const auto v = hn::LoadU(d, y + i), g = hn::LoadU(d, dy + i);
    a = hn::Add(a, leaky(d, v, g, slope));
    b = hn::MulAdd(g, v, b);
  });
}

template <class T>
void backward_range(std::int64_t n, T slope, T rstd, T mean_dx, T mean_dx_x, const T* y,
                    const T* dy, T* dx) {
  vector_loop<T>(n, [=](auto d, std::int64_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, y + i), g = leaky(d, v, hn::LoadU(d, dy + i), slope);
    const auto centred = hn::Sub(g, hn::Set(d, mean_dx)), normal = leaky(d, v, v, 1 / slope);
    const auto projected = hn::NegMulAdd(normal, hn::Set(d, mean_dx_x), centred);
    hn::StoreU(hn::Mul(projected, hn::Set(d, rstd)), d, dx + i);
  });
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

template <class T>
void layer_norm(const Stream&, std::int64_t n, std::int64_t m, double eps, double slope, const T* x,
                T* y, Wide<T>* rstd) {
  const SampleChunks chunks{n, m, sum_chunk};
  const Workspace<Moments> parts(chunks.total()), whole(n);
  chunks.reduce_then_apply(
      [&](auto s, auto part, auto i, auto end) {
        parts[part] = TELESCOPE_SIMD(moments_of_range<T>)(end - i, x + s * m + i);
      },
      [&](auto s) {
        whole[s] = Moments::of_all(chunks.per_sample(), &parts[s * chunks.per_sample()]);
        rstd[s] = static_cast<T>(whole[s].rstd(eps));
      },
      [&](auto s, auto, auto i, auto end) {
        i += s * m, end += s * m;
        TELESCOPE_SIMD(normalise_range<T>)
        (end - i, whole[s].mean, whole[s].rstd(eps), static_cast<T>(slope), x + i, y + i);
      });
}

template <class T>
void layer_norm_backward(const Stream&, std::int64_t n, std::int64_t m, double slope, const T* y,
                         const Wide<T>* rstd, const T* dy, T* dx) {
  struct Sums {
    double dx, dx_x;
  };
  const T factor = static_cast<T>(slope);
  const SampleChunks chunks{n, m, sum_chunk};
  const Workspace<Sums> parts(chunks.total()), means(n);
  chunks.reduce_then_apply(
      [&](auto s, auto part, auto i, auto end) {
        i += s * m, end += s * m;
        TELESCOPE_SIMD(backward_sums_of_range<T>)
        (end - i, factor, y + i, dy + i, &parts[part].dx, &parts[part].dx_x);
      },
      [&](auto s) {
        Sums sum{0, 0};
        for (std::int64_t i = 0; i < chunks.per_sample(); ++i) {
          sum.dx += parts[s * chunks.per_sample() + i].dx;
          sum.dx_x += parts[s * chunks.per_sample() + i].dx_x;
        }
        means[s] = {sum.dx / static_cast<double>(m), sum.dx_x / static_cast<double>(m)};
      },
      [&](auto s, auto, auto i, auto end) {
        i += s * m, end += s * m;
        TELESCOPE_SIMD(backward_range<T>)
        (end - i, factor, rstd[s], static_cast<T>(means[s].dx), static_cast<T>(means[s].dx_x),
         y + i, dy + i, dx + i);
      });
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void layer_norm(const Stream&, std::int64_t, std::int64_t, double, double, const T*,  \
                           T*, Wide<T>*);                                                        \
  template void layer_norm_backward(const Stream&, std::int64_t, std::int64_t, double, const T*, \
                                    const Wide<T>*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
