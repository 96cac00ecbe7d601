// SPDX-License-Identifier: MIT
#include "kernels/boxes/boxes.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void random_boxes(const Stream&, const RandomKey& key,
                                                               const BoxesShape& shape, T* mask);)

template <class T>
void random_boxes(const Stream& stream, const RandomKey& key, const BoxesShape& shape, T* mask) {
  const std::int64_t elements = shape.n * shape.h * shape.w * shape.c;
  const Scope scope("random_boxes", 0, elements * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, random_boxes, key, shape, mask);
}

template void random_boxes(const Stream&, const RandomKey&, const BoxesShape&, float*);
template void random_boxes(const Stream&, const RandomKey&, const BoxesShape&, double*);

}  // namespace telescope::kernels
