// SPDX-License-Identifier: MIT
#include "kernels/pointwise/pointwise.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void unary(const Stream&, Unary function, Wide<T> a,
                                                        std::int64_t n, const T* x, T* y);
                          template <class T>
                          void unary_backward(const Stream&, Unary function, Wide<T> a,
                                              std::int64_t n, const T* x, const T* dy, T* dx);
                          template <class T>
                          void binary(const Stream&, Binary function, std::int64_t n, const T* a,
                                      const T* b, T* y);)

std::string_view name_of(Unary function) {
  switch (function) {
    case Unary::silu:
      return "silu";
    case Unary::relu:
      return "relu";
    case Unary::leaky_relu:
      return "leaky_relu";
    case Unary::tanh:
      return "tanh";
    case Unary::sigmoid:
      return "sigmoid";
    case Unary::scale:
      return "scale";
  }
  return "?";
}

std::string_view name_of(Binary function) {
  switch (function) {
    case Binary::add:
      return "add";
    case Binary::sub:
      return "sub";
    case Binary::mul:
      return "mul";
  }
  return "?";
}

template <class T>
void unary(const Stream& stream, Unary function, Wide<T> a, std::int64_t n, const T* x, T* y) {
  const Scope scope(name_of(function), n, 2 * n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, unary, function, a, n, x, y);
}

template <class T>
void unary_backward(const Stream& stream, Unary function, Wide<T> a, std::int64_t n, const T* x,
                    const T* dy, T* dx) {
  const Scope scope(name_of(function), 2 * n, 3 * n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, unary_backward, function, a, n, x, dy, dx);
}

template <class T>
void binary(const Stream& stream, Binary function, std::int64_t n, const T* a, const T* b, T* y) {
  const Scope scope(name_of(function), n, 3 * n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, binary, function, n, a, b, y);
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void unary(const Stream&, Unary, Wide<T>, std::int64_t, const T*, T*);               \
  template void unary_backward(const Stream&, Unary, Wide<T>, std::int64_t, const T*, const T*, \
                               T*);                                                             \
  template void binary(const Stream&, Binary, std::int64_t, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
