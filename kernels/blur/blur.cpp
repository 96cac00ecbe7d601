// SPDX-License-Identifier: MIT
#include "kernels/blur/blur.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void circular_blur(const Stream&, const BlurShape& shape,
                                             const CircularTaps& rows, const CircularTaps& columns,
                                             const T* x, T* y);)

CircularTaps gaussian_taps(std::int64_t extent, double sigma, double negligible) {
  const std::int64_t lowest = -((extent - 1) / 2), highest = extent / 2;
  const auto gaussian = [sigma](std::int64_t d) {
    const double u = static_cast<double>(d) / sigma;
    return std::exp(-0.5 * u * u);
  };
  double sum = 0;
  for (std::int64_t d = lowest; d <= highest; ++d) sum += gaussian(d);
  std::int64_t radius = 0;
  while (radius < highest && gaussian(radius + 1) >= negligible) ++radius;
  CircularTaps taps{std::max(lowest, -radius), {}};
  for (std::int64_t d = taps.first; d <= std::min(highest, radius); ++d) {
    taps.weight.push_back(gaussian(d) / sum);
  }
  return taps;
}

template <class T>
void gaussian_blur(const Stream& stream, const BlurShape& shape, double sigma, const T* x, T* y) {
  const double negligible = std::numeric_limits<T>::epsilon() / 8;
  const CircularTaps rows = gaussian_taps(shape.h, sigma, negligible);
  const CircularTaps columns = gaussian_taps(shape.w, sigma, negligible);
  const auto taps = static_cast<std::int64_t>(rows.weight.size() + columns.weight.size());
  const Scope scope("gaussian_blur", 2 * taps * shape.size(),
                    2 * shape.size() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, circular_blur, shape, rows, columns, x, y);
}

template void gaussian_blur(const Stream&, const BlurShape&, double, const float*, float*);
template void gaussian_blur(const Stream&, const BlurShape&, double, const double*, double*);

}  // namespace telescope::kernels
