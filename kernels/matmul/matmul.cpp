// SPDX-License-Identifier: MIT
#include "kernels/matmul/matmul.h"

#include "core/profile.h"
#include "kernels/dispatch.h"
#include "kernels/vendor/vendor.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void matmul(const Stream&, const MatmulShape& shape,
                                                         const T* a, const T* b, const T* bias,
                                                         bool accumulate, T* c);)
TELESCOPE_ON_EVERY_VENDOR(void matmul(const Stream&, const MatmulShape& shape, const float* a,
                                      const float* b, const float* bias, bool accumulate,
                                      float* c);)

namespace {

template <class T>
void compute(const Stream& stream, const MatmulShape& shape, const T* a, const T* b, const T* bias,
             bool accumulate, T* c, Backend by) {
  const Scope scope("matmul", shape.flop(), shape.elements() * std::int64_t{sizeof(T)});
  if (shape.k > 0) {  // a library refuses sums of nothing
    TELESCOPE_VENDOR(by, "matmul", stream, matmul, shape, a, b, bias, accumulate, c);
  }
  TELESCOPE_DISPATCH(stream, matmul, shape, a, b, bias, accumulate, c);
}

}  // namespace

template <class T>
void matmul(const Stream& stream, const MatmulShape& shape, const T* a, const T* b, const T* bias,
            T* c, Backend by) {
  compute(stream, shape, a, b, bias, /*accumulate=*/false, c, by);
}

template <class T>
void matmul_accumulate(const Stream& stream, const MatmulShape& shape, const T* a, const T* b, T* c,
                       Backend by) {
  const T* bias = nullptr;
  compute(stream, shape, a, b, bias, /*accumulate=*/true, c, by);
}

#define TELESCOPE_INSTANTIATE(T)                                                             \
  template void matmul(const Stream&, const MatmulShape&, const T*, const T*, const T*, T*,  \
                       Backend);                                                             \
  template void matmul_accumulate(const Stream&, const MatmulShape&, const T*, const T*, T*, \
                                  Backend);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
