// SPDX-License-Identifier: MIT
#include "core/element_operations.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256;

// As core's conversion on the CPU: bf16 by way of float, everything else directly.
template <class To, class From>
__host__ __device__ To converted(From x) {
  if constexpr (std::is_same_v<From, bfloat16>) {
    return converted<To>(static_cast<float>(x));
  } else if constexpr (std::is_same_v<To, bfloat16>) {
    return bfloat16(static_cast<float>(x));
  } else {
    return static_cast<To>(x);
  }
}

template <class T>
__global__ void fill_kernel(T* y, std::int64_t n, T value) {
  if (const std::int64_t i = grid_thread(); i < n) y[i] = value;
}

template <class To, class From>
__global__ void convert_kernel(const From* x, To* y, std::int64_t n) {
  if (const std::int64_t i = grid_thread(); i < n) y[i] = converted<To>(x[i]);
}

__global__ void add_kernel(double* y, const double* x, std::int64_t n) {
  if (const std::int64_t i = grid_thread(); i < n) y[i] += x[i];
}

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};

template <class F>
void with_type(DType dtype, F&& f) {
  switch (dtype) {
    case DType::f32:
      return f.template operator()<float>();
    case DType::f64:
      return f.template operator()<double>();
    case DType::bf16:
      return f.template operator()<bfloat16>();
    case DType::u8:
      return f.template operator()<std::uint8_t>();
    case DType::i64:
      return f.template operator()<std::int64_t>();
  }
}

void fill(const Stream& stream, void* y, DType dtype, std::int64_t n, double value) {
  with_type(dtype, [&]<class T>() {
    launch<fill_kernel<T>>(stream, blocks_for(n, threads), threads, 0, static_cast<T*>(y), n,
                           converted<T>(value));
  });
}

void convert(const Stream& stream, const void* x, DType from, void* y, DType to, std::int64_t n) {
  with_type(from, [&]<class From>() {
    with_type(to, [&]<class To>() {
      launch<convert_kernel<To, From>>(stream, blocks_for(n, threads), threads, 0,
                                       static_cast<const From*>(x), static_cast<To*>(y), n);
    });
  });
}

void add(const Stream& stream, void* y, const void* x, DType dtype, std::int64_t n) {
  const auto in_place = [&]<class T>(T* to, const T* from) {
    map(stream, Sum(), n, to, static_cast<const T*>(to), from);
  };
  if (dtype == DType::f32) return in_place(static_cast<float*>(y), static_cast<const float*>(x));
  if (dtype == DType::bf16) {
    return in_place(static_cast<bfloat16*>(y), static_cast<const bfloat16*>(x));
  }
  launch<add_kernel>(stream, blocks_for(n, threads), threads, 0, static_cast<double*>(y),
                     static_cast<const double*>(x), n);
}

}  // namespace

const ElementOperations& element_kernels() {
  static const ElementOperations operations{fill, convert, add};
  return operations;
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
