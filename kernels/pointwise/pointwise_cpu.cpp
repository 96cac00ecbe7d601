// SPDX-License-Identifier: MIT
// A new function costs a functor with its value and its derivative, and a line in the switch.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/pointwise/pointwise_cpu.cpp"
#include <hwy/foreach_target.h>  // compiles this file once per instruction set

#include <hwy/highway.h>

#include <hwy/contrib/math/math-inl.h>

#include "core/parallel.h"
#include "kernels/pointwise/pointwise.h"
#include "kernels/simd.h"
#include "kernels/vector_loops-inl.h"

HWY_BEFORE_NAMESPACE();
namespace telescope::kernels::HWY_NAMESPACE {
namespace {
namespace hn = hwy::HWY_NAMESPACE;

struct Silu {
  template <class D, class V>
  HWY_INLINE V value(D d, V x, V) const {
    return silu_of(d, x);
  }
  template <class D, class V>
  HWY_INLINE V slope(D d, V x, V) const {
    return silu_slope_of(d, x);
  }
};

struct Relu {
  template <class D, class V>
  HWY_INLINE V value(D d, V x, V) const {
    return hn::IfThenZeroElse(hn::Le(x, hn::Zero(d)), x);  // keeps NaN
  }
  template <class D, class V>
  HWY_INLINE V slope(D d, V x, V) const {
    return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), hn::Set(d, 1));
  }
};

struct LeakyRelu {
  template <class D, class V>
  HWY_INLINE V value(D d, V x, V a) const {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(a, x));
  }
  template <class D, class V>
  HWY_INLINE V slope(D d, V x, V a) const {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), hn::Set(d, 1), a);
  }
};

struct Tanh {
  template <class D, class V>
  HWY_INLINE V value(D d, V x, V) const {
    return hn::Tanh(d, x);
  }
  template <class D, class V>
  HWY_INLINE V slope(D d, V x, V) const {
    const V y = hn::Tanh(d, x);
    return hn::NegMulAdd(y, y, hn::Set(d, 1));
  }
};

struct Sigmoid {
  template <class D, class V>
  HWY_INLINE V value(D d, V x, V) const {
    return sigmoid_of(d, x);
  }
  template <class D, class V>
  HWY_INLINE V slope(D d, V x, V) const {
    const V s = sigmoid_of(d, x);
    return hn::NegMulAdd(s, s, s);
  }
};

struct Scale {
  template <class D, class V>
  HWY_INLINE V value(D, V x, V a) const {
    return hn::Mul(a, x);
  }
  template <class D, class V>
  HWY_INLINE V slope(D, V, V a) const {
    return a;
  }
};

template <class T, class Function>
void map(Function function, T a, std::int64_t n, const T* x, T* y) {
  vector_loop<T>(n, [=](auto d, std::int64_t i) HWY_ATTR {
    hn::StoreU(function.value(d, hn::LoadU(d, x + i), hn::Set(d, a)), d, y + i);
  });
}

template <class T, class Function>
void map_backward(Function function, T a, std::int64_t n, const T* x, const T* dy, T* dx) {
  vector_loop<T>(n, [=](auto d, std::int64_t i) HWY_ATTR {
    const auto slope = function.slope(d, hn::LoadU(d, x + i), hn::Set(d, a));
    hn::StoreU(hn::Mul(slope, hn::LoadU(d, dy + i)), d, dx + i);
  });
}

template <class F>
HWY_INLINE void with_function(Unary function, const F& f) {
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

template <class T>
void unary_range(Unary function, T a, std::int64_t n, const T* x, T* y) {
  with_function(function, [=](auto f) { map(f, a, n, x, y); });
}

template <class T>
void unary_backward_range(Unary function, T a, std::int64_t n, const T* x, const T* dy, T* dx) {
  with_function(function, [=](auto f) { map_backward(f, a, n, x, dy, dx); });
}

template <class T>
void binary_range(Binary function, std::int64_t n, const T* a, const T* b, T* y) {
  const auto apply = [=](auto f) {
    vector_loop<T>(n, [=](auto d, std::int64_t i) HWY_ATTR {
      hn::StoreU(f(hn::LoadU(d, a + i), hn::LoadU(d, b + i)), d, y + i);
    });
  };
  switch (function) {
    case Binary::add:
      return apply([](auto u, auto v) HWY_ATTR { return hn::Add(u, v); });
    case Binary::sub:
      return apply([](auto u, auto v) HWY_ATTR { return hn::Sub(u, v); });
    case Binary::mul:
      return apply([](auto u, auto v) HWY_ATTR { return hn::Mul(u, v); });
  }
}

}  // namespace
}  // namespace telescope::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace telescope::kernels::cpu {

constexpr std::int64_t grain = 1 << 14;  // elements worth a thread

template <class T>
void unary(const Stream&, Unary function, Wide<T> a, std::int64_t n, const T* x, T* y) {
  parallel_for(n, grain, [=](std::int64_t i, std::int64_t end) {
    TELESCOPE_SIMD(unary_range<T>)(function, a, end - i, x + i, y + i);
  });
}

template <class T>
void unary_backward(const Stream&, Unary function, Wide<T> a, std::int64_t n, const T* x,
                    const T* dy, T* dx) {
  parallel_for(n, grain, [=](std::int64_t i, std::int64_t end) {
    TELESCOPE_SIMD(unary_backward_range<T>)(function, a, end - i, x + i, dy + i, dx + i);
  });
}

template <class T>
void binary(const Stream&, Binary function, std::int64_t n, const T* a, const T* b, T* y) {
  parallel_for(n, grain, [=](std::int64_t i, std::int64_t end) {
    TELESCOPE_SIMD(binary_range<T>)(function, end - i, a + i, b + i, y + i);
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void unary(const Stream&, Unary, Wide<T>, std::int64_t, const T*, T*);               \
  template void unary_backward(const Stream&, Unary, Wide<T>, std::int64_t, const T*, const T*, \
                               T*);                                                             \
  template void binary(const Stream&, Binary, std::int64_t, const T*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::cpu
#endif
