// SPDX-License-Identifier: MIT
#include "kernels/channel/channel.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void add_per_channel(const Stream&, const PerChannel& shape, const T* x,
                                               const Wide<T>* e, T* y);
                          template <class T>
                          void sum_per_channel(const Stream&, const PerChannel& shape, const T* dy,
                                               Wide<T>* de);)

namespace {
template <class T>
std::int64_t vectors_bytes(const PerChannel& shape) {
  return shape.n * shape.c * std::int64_t{sizeof(Wide<T>)};
}
}  // namespace

template <class T>
void add_per_channel(const Stream& stream, const PerChannel& shape, const T* x, const Wide<T>* e,
                     T* y) {
  const std::int64_t moved = 2 * shape.numel() * std::int64_t{sizeof(T)} + vectors_bytes<T>(shape);
  const Scope scope("add_per_channel", shape.numel(), moved);
  TELESCOPE_DISPATCH(stream, add_per_channel, shape, x, e, y);
}

template <class T>
void sum_per_channel(const Stream& stream, const PerChannel& shape, const T* dy, Wide<T>* de) {
  const std::int64_t moved = shape.numel() * std::int64_t{sizeof(T)} + vectors_bytes<T>(shape);
  const Scope scope("sum_per_channel", shape.numel(), moved);
  TELESCOPE_DISPATCH(stream, sum_per_channel, shape, dy, de);
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void add_per_channel(const Stream&, const PerChannel&, const T*, const Wide<T>*, T*); \
  template void sum_per_channel(const Stream&, const PerChannel&, const T*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
