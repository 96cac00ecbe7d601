// SPDX-License-Identifier: MIT
#include "kernels/ssim/ssim.h"

#include <cmath>

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void ssim(const Stream&, const SsimShape& shape, double range, const T* a,
                                    const T* b, T* value, T* slopes);
                          template <class T>
                          void ssim_backward(const Stream&, const SsimShape& shape, const T* a,
                                             const T* b, const T* slopes, const T* dvalue, T* da,
                                             T* db);)

std::array<double, ssim_reach + 1> ssim_window() {
  std::array<double, ssim_reach + 1> weights;
  double sum = 0;
  for (int i = 0; i <= ssim_reach; ++i) {
    weights[static_cast<std::size_t>(i)] = std::exp(-i * i / (2 * 1.5 * 1.5));
    sum += (i ? 2 : 1) * weights[static_cast<std::size_t>(i)];
  }
  for (double& weight : weights) weight /= sum;
  return weights;
}

namespace {
constexpr std::int64_t blur_flop = 2 * (1 + 3 * ssim_reach);  // of one map, in both directions
}

template <class T>
void ssim(const Stream& stream, const SsimShape& shape, double range, const T* a, const T* b,
          T* value, T* slopes) {
  const Scope scope("ssim", (5 * blur_flop + 30) * shape.numel(),
                    (slopes ? 6 : 2) * shape.numel() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, ssim, shape, range, a, b, value, slopes);
}

template <class T>
void ssim_backward(const Stream& stream, const SsimShape& shape, const T* a, const T* b,
                   const T* slopes, const T* dvalue, T* da, T* db) {
  const std::int64_t images = (da != nullptr) + (db != nullptr);
  const Scope scope("ssim_backward", ((2 + images) * blur_flop + 6 * images) * shape.numel(),
                    (4 + 2 * images) * shape.numel() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, ssim_backward, shape, a, b, slopes, dvalue, da, db);
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void ssim(const Stream&, const SsimShape&, double, const T*, const T*, T*, T*);   \
  template void ssim_backward(const Stream&, const SsimShape&, const T*, const T*, const T*, \
                              const T*, T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
