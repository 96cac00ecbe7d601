// SPDX-License-Identifier: MIT
// A few thousand values a step, so what counts is the launch. Angles are taken in double, as on the
// CPU: a time of 1000 in float would cost the embedding four digits.
#include "kernels/simt/simt.h"
#include "kernels/sinusoid/sinusoid.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

__device__ __forceinline__ double frequency(std::int64_t frequencies, std::int64_t j) {
  return pow(10000.0, -static_cast<double>(j) / static_cast<double>(frequencies));
}

template <class T>
__global__ void __launch_bounds__(128)
    sinusoid_kernel(SinusoidShape shape, std::int64_t sine, std::int64_t cosine, const T* t, T* y) {
  const std::int64_t index = grid_thread(), q = shape.frequencies;
  if (index >= shape.n * q) return;
  const std::int64_t i = index / q, j = index % q;
  const double angle = frequency(q, j) * static_cast<double>(t[i]);
  y[i * 2 * q + sine + j] = static_cast<T>(sin(angle));
  y[i * 2 * q + cosine + j] = static_cast<T>(cos(angle));
}

// A warp for each time.
template <class T>
__global__ void __launch_bounds__(128)
    sinusoid_backward_kernel(SinusoidShape shape, std::int64_t sine, std::int64_t cosine,
                             const T* t, const T* dy, T* dt) {
  const std::int64_t i = std::int64_t{blockIdx.x} * 4 + warp_number(), q = shape.frequencies;
  if (i >= shape.n) return;
  const T* const row = dy + i * 2 * q;
  double sum = 0;
  for (std::int64_t j = lane_number(); j < q; j += 32) {
    const double f = frequency(q, j), angle = f * static_cast<double>(t[i]);
    sum += f * (cos(angle) * static_cast<double>(row[sine + j]) -
                sin(angle) * static_cast<double>(row[cosine + j]));
  }
  sum = warp_sum(sum);
  if (lane_number() == 0) dt[i] = static_cast<T>(sum);
}

}  // namespace

template <class T>
void sinusoid(const Stream& stream, const SinusoidShape& shape, const T* t, T* y) {
  const std::int64_t sine = shape.sine_first ? 0 : shape.frequencies;
  launch<sinusoid_kernel<T>>(stream, blocks_for(shape.n * shape.frequencies, 128), 128, 0, shape,
                             sine, shape.frequencies - sine, t, y);
}

template <class T>
void sinusoid_backward(const Stream& stream, const SinusoidShape& shape, const T* t, const T* dy,
                       T* dt) {
  const std::int64_t sine = shape.sine_first ? 0 : shape.frequencies;
  launch<sinusoid_backward_kernel<T>>(stream, blocks_for(shape.n, 4), 128, 0, shape, sine,
                                      shape.frequencies - sine, t, dy, dt);
}

#define TELESCOPE_INSTANTIATE(T)                                             \
  template void sinusoid(const Stream&, const SinusoidShape&, const T*, T*); \
  template void sinusoid_backward(const Stream&, const SinusoidShape&, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
