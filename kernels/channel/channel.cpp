// SPDX-License-Identifier: MIT
#include "kernels/channel/channel.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T> void add_per_channel(const Stream&, const PerChannel& shape, const T* x,
                                            const Wide<T>* e, T* y);
    template <class T>
    void sum_per_channel(const Stream&, const PerChannel& shape, const T* dy, Wide<T>* de);
    template <class T>
    void sum_over_samples(const Stream&, std::int64_t n, std::int64_t c, const T* e, T* sum);)

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

template <class T>
void sum_over_samples(const Stream& stream, std::int64_t n, std::int64_t c, const T* e, T* sum) {
  const Scope scope("sum_over_samples", n * c, (n + 2) * c * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, sum_over_samples, n, c, e, sum);
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void add_per_channel(const Stream&, const PerChannel&, const T*, const Wide<T>*, T*); \
  template void sum_per_channel(const Stream&, const PerChannel&, const T*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE
template void sum_over_samples(const Stream&, std::int64_t, std::int64_t, const float*, float*);
template void sum_over_samples(const Stream&, std::int64_t, std::int64_t, const double*, double*);

}  // namespace telescope::kernels
