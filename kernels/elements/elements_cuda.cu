// SPDX-License-Identifier: MIT
#include "core/convert.h"
#include "core/element_operations.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256;

template <class T>
__global__ void fill_kernel(T* y, std::int64_t n, T value) {
  if (const std::int64_t i = grid_thread(); i < n) y[i] = value;
}

template <class To, class From>
__global__ void convert_kernel(const From* x, To* y, std::int64_t n) {
  if (const std::int64_t i = grid_thread(); i < n) y[i] = convert_element<To>(x[i]);
}

__global__ void add_kernel(double* y, const double* x, std::int64_t n) {
  if (const std::int64_t i = grid_thread(); i < n) y[i] += x[i];
}

struct Sum {
  __device__ float operator()(float a, float b) const { return a + b; }
};

void fill(const Stream& stream, void* y, DType dtype, std::int64_t n, double value) {
  dispatch_any(dtype, [&]<class T>() {
    launch<fill_kernel<T>>(stream, blocks_for(n, threads), threads, 0, static_cast<T*>(y), n,
                           convert_element<T>(value));
  });
}

void convert(const Stream& stream, const void* x, DType from, void* y, DType to, std::int64_t n) {
  // What training converts, in vectors.
  if (from == DType::f32 && to == DType::bf16) {
    return map_converted(stream, n, static_cast<bfloat16*>(y), static_cast<const float*>(x));
  }
  if (from == DType::bf16 && to == DType::f32) {
    return map_converted(stream, n, static_cast<float*>(y), static_cast<const bfloat16*>(x));
  }
  dispatch_any(from, [&]<class From>() {
    dispatch_any(to, [&]<class To>() {
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
