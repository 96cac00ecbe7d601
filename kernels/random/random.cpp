// SPDX-License-Identifier: MIT
#include "kernels/random/random.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void fill_uniform(const Stream&, const RandomKey& key, std::int64_t n,
                                            float low, float high, T* out);
                          template <class T> void fill_normal(const Stream&, const RandomKey& key,
                                                              std::int64_t n, T* out);)

template <class T>
void fill_uniform(const Stream& stream, const RandomKey& key, std::int64_t n, float low, float high,
                  T* out) {
  const Scope scope("uniform", 2 * n, n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, fill_uniform, key, n, low, high, out);
}

template <class T>
void fill_normal(const Stream& stream, const RandomKey& key, std::int64_t n, T* out) {
  const Scope scope("normal", 20 * n, n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, fill_normal, key, n, out);
}

#define TELESCOPE_INSTANTIATE(T)                                                               \
  template void fill_uniform(const Stream&, const RandomKey&, std::int64_t, float, float, T*); \
  template void fill_normal(const Stream&, const RandomKey&, std::int64_t, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
