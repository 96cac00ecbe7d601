// SPDX-License-Identifier: MIT
#include "kernels/mix/mix.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void mix(const Stream&, std::int64_t n,
                                                      std::int64_t size, const T* t, const T* a,
                                                      const T* b, T* y);)

template <class T>
void mix(const Stream& stream, std::int64_t n, std::int64_t size, const T* t, const T* a,
         const T* b, T* y) {
  const Scope scope("mix", 3 * n * size, 3 * n * size * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, mix, n, size, t, a, b, y);
}

template void mix(const Stream&, std::int64_t, std::int64_t, const float*, const float*,
                  const float*, float*);
template void mix(const Stream&, std::int64_t, std::int64_t, const double*, const double*,
                  const double*, double*);

}  // namespace telescope::kernels
