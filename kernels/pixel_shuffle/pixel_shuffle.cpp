// SPDX-License-Identifier: MIT
#include "kernels/pixel_shuffle/pixel_shuffle.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void pixel_shuffle(const Stream&, const PixelShuffleShape& shape,
                                             const T* x, T* y);
                          template <class T>
                          void pixel_shuffle_backward(const Stream&, const PixelShuffleShape& shape,
                                                      const T* dy, T* dx);)

template <class T>
void pixel_shuffle(const Stream& stream, const PixelShuffleShape& shape, const T* x, T* y) {
  const Scope scope("pixel_shuffle", 0, 2 * shape.size() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, pixel_shuffle, shape, x, y);
}

template <class T>
void pixel_shuffle_backward(const Stream& stream, const PixelShuffleShape& shape, const T* dy,
                            T* dx) {
  const Scope scope("pixel_shuffle_backward", 0, 2 * shape.size() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, pixel_shuffle_backward, shape, dy, dx);
}

#define TELESCOPE_INSTANTIATE(T)                                                      \
  template void pixel_shuffle(const Stream&, const PixelShuffleShape&, const T*, T*); \
  template void pixel_shuffle_backward(const Stream&, const PixelShuffleShape&, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
