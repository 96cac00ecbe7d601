// SPDX-License-Identifier: MIT
#include "kernels/sinusoid/sinusoid.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T> void sinusoid(const Stream&, const SinusoidShape& shape, const T* t, T* y);
    template <class T> void sinusoid_backward(const Stream&, const SinusoidShape& shape, const T* t,
                                              const T* dy, T* dt);)

namespace {
std::int64_t outputs(const SinusoidShape& s) { return 2 * s.n * s.frequencies; }
}  // namespace

template <class T>
void sinusoid(const Stream& stream, const SinusoidShape& shape, const T* t, T* y) {
  const Scope scope("sinusoid", outputs(shape), outputs(shape) * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, sinusoid, shape, t, y);
}

template <class T>
void sinusoid_backward(const Stream& stream, const SinusoidShape& shape, const T* t, const T* dy,
                       T* dt) {
  const Scope scope("sinusoid_backward", 3 * outputs(shape),
                    outputs(shape) * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, sinusoid_backward, shape, t, dy, dt);
}

#define TELESCOPE_INSTANTIATE(T)                                             \
  template void sinusoid(const Stream&, const SinusoidShape&, const T*, T*); \
  template void sinusoid_backward(const Stream&, const SinusoidShape&, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
