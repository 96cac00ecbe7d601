// SPDX-License-Identifier: MIT
#include "kernels/channel/channel.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void add_per_channel(const Stream&, const PerChannel& shape, const T* x,
                                               const T* e, T* y);
                          template <class T>
                          void sum_per_channel(const Stream&, const PerChannel& shape, const T* dy,
                                               T* de);)

template <class T>
void add_per_channel(const Stream& stream, const PerChannel& shape, const T* x, const T* e, T* y) {
  const std::int64_t moved = 2 * shape.numel() + shape.n * shape.c;
  const Scope scope("add_per_channel", shape.numel(), moved * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, add_per_channel, shape, x, e, y);
}

template <class T>
void sum_per_channel(const Stream& stream, const PerChannel& shape, const T* dy, T* de) {
  const std::int64_t moved = shape.numel() + shape.n * shape.c;
  const Scope scope("sum_per_channel", shape.numel(), moved * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, sum_per_channel, shape, dy, de);
}

#define TELESCOPE_INSTANTIATE(T)                                                           \
  template void add_per_channel(const Stream&, const PerChannel&, const T*, const T*, T*); \
  template void sum_per_channel(const Stream&, const PerChannel&, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
