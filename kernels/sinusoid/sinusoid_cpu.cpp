// SPDX-License-Identifier: MIT
// A few thousand values a step: plain loops over the C library's sine do.
#include <cmath>

#include "kernels/sinusoid/sinusoid.h"

namespace telescope::kernels::cpu {
namespace {

double frequency(const SinusoidShape& shape, std::int64_t j) {
  return std::pow(10000.0, -static_cast<double>(j) / static_cast<double>(shape.frequencies));
}

}  // namespace

template <class T>
void sinusoid(const Stream&, const SinusoidShape& shape, const T* t, T* y) {
  const std::int64_t q = shape.frequencies;
  const std::int64_t sine = shape.sine_first ? 0 : q, cosine = q - sine;
  for (std::int64_t j = 0; j < q; ++j) {
    const double f = frequency(shape, j);
    for (std::int64_t i = 0; i < shape.n; ++i) {
      const double angle = f * static_cast<double>(t[i]);
      y[i * 2 * q + sine + j] = static_cast<T>(std::sin(angle));
      y[i * 2 * q + cosine + j] = static_cast<T>(std::cos(angle));
    }
  }
}

template <class T>
void sinusoid_backward(const Stream&, const SinusoidShape& shape, const T* t, const T* dy, T* dt) {
  const std::int64_t q = shape.frequencies;
  const std::int64_t sine = shape.sine_first ? 0 : q, cosine = q - sine;
  for (std::int64_t i = 0; i < shape.n; ++i) {
    const T* row = dy + i * 2 * q;
    double sum = 0;
    for (std::int64_t j = 0; j < q; ++j) {
      const double f = frequency(shape, j), angle = f * static_cast<double>(t[i]);
      sum += f * (std::cos(angle) * static_cast<double>(row[sine + j]) -
                  std::sin(angle) * static_cast<double>(row[cosine + j]));
    }
    dt[i] = static_cast<T>(sum);
  }
}

#define TELESCOPE_INSTANTIATE(T)                                             \
  template void sinusoid(const Stream&, const SinusoidShape&, const T*, T*); \
  template void sinusoid_backward(const Stream&, const SinusoidShape&, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
