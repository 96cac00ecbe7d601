// SPDX-License-Identifier: MIT
#include "kernels/matmul/matmul.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void matmul(const Stream&, const MatmulShape& shape,
                                                         const T* a, const T* b, const T* bias,
                                                         bool accumulate, T* c);)

template <class T>
void matmul(const Stream& stream, const MatmulShape& shape, const T* a, const T* b, const T* bias,
            T* c) {
  const Scope scope("matmul", shape.flop(), shape.elements() * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, matmul, shape, a, b, bias, /*accumulate=*/false, c);
}

template <class T>
void matmul_accumulate(const Stream& stream, const MatmulShape& shape, const T* a, const T* b,
                       T* c) {
  const Scope scope("matmul", shape.flop(), shape.elements() * std::int64_t{sizeof(T)});
  const T* bias = nullptr;
  TELESCOPE_DISPATCH(stream, matmul, shape, a, b, bias, /*accumulate=*/true, c);
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void matmul(const Stream&, const MatmulShape&, const T*, const T*, const T*, T*); \
  template void matmul_accumulate(const Stream&, const MatmulShape&, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
