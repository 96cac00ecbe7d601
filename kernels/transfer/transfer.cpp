// SPDX-License-Identifier: MIT
#include "kernels/transfer/transfer.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T> void inject(const Stream&, const TransferShape& shape, const T* x, T* y);
    template <class T>
    void inject_adjoint(const Stream&, const TransferShape& shape, const T* dy, T* dx);
    template <class T>
    void pool2x2(const Stream&, const TransferShape& shape, Wide<T> factor, const T* x, T* y);
    template <class T> void pool2x2_adjoint(const Stream&, const TransferShape& shape,
                                            Wide<T> factor, const T* dy, T* dx);
    template <class T> void resample(const Stream&, const TransferShape& shape, const Stencil& rows,
                                     const Stencil& columns, const T* x, T* y);)

namespace {
// Bytes that have to move: `read` and `written` elements.
template <class T>
std::int64_t traffic(std::int64_t read, std::int64_t written) {
  return (read + written) * std::int64_t{sizeof(T)};
}
}  // namespace

template <class T>
void inject(const Stream& stream, const TransferShape& shape, const T* x, T* y) {
  const Scope scope("inject", 0, traffic<T>(shape.out_size(), shape.out_size()));
  TELESCOPE_DISPATCH(stream, inject, shape, x, y);
}

template <class T>
void inject_adjoint(const Stream& stream, const TransferShape& shape, const T* dy, T* dx) {
  const Scope scope("inject_adjoint", 0, traffic<T>(shape.out_size(), shape.in_size()));
  TELESCOPE_DISPATCH(stream, inject_adjoint, shape, dy, dx);
}

template <class T>
void pool2x2(const Stream& stream, const TransferShape& shape, Wide<T> factor, const T* x, T* y) {
  const Scope scope("pool2x2", 4 * shape.out_size(),
                    traffic<T>(4 * shape.out_size(), shape.out_size()));
  TELESCOPE_DISPATCH(stream, pool2x2, shape, factor, x, y);
}

template <class T>
void pool2x2_adjoint(const Stream& stream, const TransferShape& shape, Wide<T> factor, const T* dy,
                     T* dx) {
  const Scope scope("pool2x2_adjoint", shape.out_size(),
                    traffic<T>(shape.out_size(), shape.in_size()));
  TELESCOPE_DISPATCH(stream, pool2x2_adjoint, shape, factor, dy, dx);
}

template <class T>
void resample(const Stream& stream, const TransferShape& shape, const Stencil& rows,
              const Stencil& columns, const T* x, T* y) {
  const std::int64_t flop =
      2 * shape.n * shape.c * (rows.taps() * shape.w + shape.out_h * columns.taps());
  const Scope scope("resample", flop, traffic<T>(shape.in_size(), shape.out_size()));
  TELESCOPE_DISPATCH(stream, resample, shape, rows, columns, x, y);
}

#define TELESCOPE_INSTANTIATE(T)                                                              \
  template void inject(const Stream&, const TransferShape&, const T*, T*);                    \
  template void inject_adjoint(const Stream&, const TransferShape&, const T*, T*);            \
  template void pool2x2(const Stream&, const TransferShape&, Wide<T>, const T*, T*);          \
  template void pool2x2_adjoint(const Stream&, const TransferShape&, Wide<T>, const T*, T*);  \
  template void resample(const Stream&, const TransferShape&, const Stencil&, const Stencil&, \
                         const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
