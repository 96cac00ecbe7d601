// SPDX-License-Identifier: MIT
// Bound by memory. A new function costs a functor with its value and its derivative, and a line in
// the switch.
#include "kernels/pointwise/pointwise.h"
#include "kernels/simt/silu.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

struct Silu {
  __device__ float value(float x, float) const { return silu_of(x); }
  __device__ float slope(float x, float) const { return silu_slope_of(x); }
};
struct Relu {
  __device__ float value(float x, float) const { return x <= 0 ? 0.f : x; }  // keeps NaN
  __device__ float slope(float x, float) const { return x > 0 ? 1.f : 0.f; }
};
struct LeakyRelu {
  __device__ float value(float x, float a) const { return x > 0 ? x : a * x; }
  __device__ float slope(float x, float a) const { return x > 0 ? 1.f : a; }
};
struct Tanh {
  __device__ float value(float x, float) const { return tanhf(x); }
  __device__ float slope(float x, float) const {
    const float y = tanhf(x);
    return 1 - y * y;
  }
};
struct Sigmoid {
  __device__ float value(float x, float) const { return sigmoid_of(x); }
  __device__ float slope(float x, float) const {
    const float s = sigmoid_of(x);
    return s * (1 - s);
  }
};
struct Scale {
  __device__ float value(float x, float a) const { return a * x; }
  __device__ float slope(float, float a) const { return a; }
};

template <class Function>
struct Value {
  float a;
  __device__ float operator()(float x) const { return Function().value(x, a); }
};
template <class Function>
struct SlopeTimes {
  float a;
  __device__ float operator()(float x, float dy) const { return Function().slope(x, a) * dy; }
};

struct Add {
  __device__ float operator()(float a, float b) const { return a + b; }
};
struct Sub {
  __device__ float operator()(float a, float b) const { return a - b; }
};
struct Mul {
  __device__ float operator()(float a, float b) const { return a * b; }
};

template <class F>
void with_function(Unary function, const F& f) {
  switch (function) {
    case Unary::silu:
      return f(Silu());
    case Unary::relu:
      return f(Relu());
    case Unary::leaky_relu:
      return f(LeakyRelu());
    case Unary::tanh:
      return f(Tanh());
    case Unary::sigmoid:
      return f(Sigmoid());
    case Unary::scale:
      return f(Scale());
  }
}

}  // namespace

template <class T>
void unary(const Stream& stream, Unary function, Wide<T> a, std::int64_t n, const T* x, T* y) {
  with_function(function,
                [&](auto f) { map(stream, Value<decltype(f)>{static_cast<float>(a)}, n, y, x); });
}

template <class T>
void unary_backward(const Stream& stream, Unary function, Wide<T> a, std::int64_t n, const T* x,
                    const T* dy, T* dx) {
  with_function(function, [&](auto f) {
    map(stream, SlopeTimes<decltype(f)>{static_cast<float>(a)}, n, dx, x, dy);
  });
}

template <class T>
void binary(const Stream& stream, Binary function, std::int64_t n, const T* a, const T* b, T* y) {
  switch (function) {
    case Binary::add:
      return map(stream, Add(), n, y, a, b);
    case Binary::sub:
      return map(stream, Sub(), n, y, a, b);
    case Binary::mul:
      return map(stream, Mul(), n, y, a, b);
  }
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void unary(const Stream&, Unary, Wide<T>, std::int64_t, const T*, T*);               \
  template void unary_backward(const Stream&, Unary, Wide<T>, std::int64_t, const T*, const T*, \
                               T*);                                                             \
  template void binary(const Stream&, Binary, std::int64_t, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
