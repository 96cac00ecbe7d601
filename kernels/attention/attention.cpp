// SPDX-License-Identifier: MIT
#include "kernels/attention/attention.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T>
                          void attention(const Stream&, const AttentionShape& shape, const T* qkv,
                                         T* y, Wide<T>* statistics);
                          template <class T>
                          void attention_backward(const Stream&, const AttentionShape& shape,
                                                  const T* qkv, const T* y,
                                                  const Wide<T>* statistics, const T* dy, T* dqkv);)

template <class T>
void attention(const Stream& stream, const AttentionShape& shape, const T* qkv, T* y,
               Wide<T>* statistics) {
  const std::int64_t numel = shape.rows() * shape.head_channels;
  const Scope scope("attention", 2 * shape.product_flop(), 4 * numel * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, attention, shape, qkv, y, statistics);
}

template <class T>
void attention_backward(const Stream& stream, const AttentionShape& shape, const T* qkv, const T* y,
                        const Wide<T>* statistics, const T* dy, T* dqkv) {
  const std::int64_t numel = shape.rows() * shape.head_channels;
  const Scope scope("attention_backward", 5 * shape.product_flop(),
                    8 * numel * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, attention_backward, shape, qkv, y, statistics, dy, dqkv);
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void attention(const Stream&, const AttentionShape&, const T*, T*, Wide<T>*);     \
  template void attention_backward(const Stream&, const AttentionShape&, const T*, const T*, \
                                   const Wide<T>*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
