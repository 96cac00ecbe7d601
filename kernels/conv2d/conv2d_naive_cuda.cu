// SPDX-License-Identifier: MIT
// The first step of the ladder: the formula, one thread for each element of the result. It is exact
// to rounding, has no case that it cannot do, and is what the other variants are read against.
//
// Every product costs two loads, so what bounds it is not arithmetic but the first-level cache: a
// warp's neighbouring outputs k share the pixel (one address) but read weights R S C elements apart
// (32 cache lines). The next variant loads each of them once for a whole block.
#include "kernels/conv2d/conv2d_cuda.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256;

template <class T>
__global__ void naive_forward_kernel(Conv2dShape shape, const T* __restrict__ x,
                                     const float* __restrict__ weight,
                                     const float* __restrict__ bias, T* __restrict__ y) {
  const std::int64_t out_h = shape.out_h(), out_w = shape.out_w();
  const std::int64_t at = grid_thread();
  if (at >= shape.n * out_h * out_w * shape.k) return;
  const std::int64_t k = at % shape.k, pixel = at / shape.k;
  const std::int64_t j = pixel % out_w, i = pixel / out_w % out_h, n = pixel / out_w / out_h;
  float sum = bias ? bias[k] : 0.f;
  for (std::int64_t r = 0; r < shape.r; ++r) {
    const std::int64_t row = i * shape.stride + r - shape.padding;
    if (row < 0 || row >= shape.h) continue;
    for (std::int64_t s = 0; s < shape.s; ++s) {
      const std::int64_t column = j * shape.stride + s - shape.padding;
      if (column < 0 || column >= shape.w) continue;
      const T* pixels = x + ((n * shape.h + row) * shape.w + column) * shape.c;
      const float* weights = weight + ((k * shape.r + r) * shape.s + s) * shape.c;
      for (std::int64_t c = 0; c < shape.c; ++c) {
        sum += static_cast<float>(pixels[c]) * weights[c];
      }
    }
  }
  y[at] = static_cast<T>(sum);
}

// Gathers: dx[n, h, w, c] looks for the outputs that read it, so that no two threads write one
// element.
template <class T>
__global__ void naive_input_gradient_kernel(Conv2dShape shape, const T* __restrict__ dy,
                                            const float* __restrict__ weight, T* __restrict__ dx) {
  const std::int64_t out_h = shape.out_h(), out_w = shape.out_w();
  const std::int64_t at = grid_thread();
  if (at >= shape.n * shape.h * shape.w * shape.c) return;
  const std::int64_t c = at % shape.c, pixel = at / shape.c;
  const std::int64_t w = pixel % shape.w, h = pixel / shape.w % shape.h;
  const std::int64_t n = pixel / shape.w / shape.h, taps = shape.r * shape.s * shape.c;
  float sum = 0;
  for (std::int64_t r = 0; r < shape.r; ++r) {
    const std::int64_t row = h + shape.padding - r;  // of the output, times the stride
    if (row < 0 || row % shape.stride != 0 || row / shape.stride >= out_h) continue;
    for (std::int64_t s = 0; s < shape.s; ++s) {
      const std::int64_t column = w + shape.padding - s;
      if (column < 0 || column % shape.stride != 0 || column / shape.stride >= out_w) continue;
      const T* from =
          dy + ((n * out_h + row / shape.stride) * out_w + column / shape.stride) * shape.k;
      const float* weights = weight + (r * shape.s + s) * shape.c + c;
      for (std::int64_t k = 0; k < shape.k; ++k) {
        sum += static_cast<float>(from[k]) * weights[k * taps];
      }
    }
  }
  dx[at] = static_cast<T>(sum);
}

// A row of an image is summed in float, rows in double: a sum over millions of pixels keeps its
// digits.
template <class T>
__global__ void naive_weight_gradient_kernel(Conv2dShape shape, const T* __restrict__ x,
                                             const T* __restrict__ dy,
                                             float* __restrict__ dweight) {
  const std::int64_t out_h = shape.out_h(), out_w = shape.out_w();
  const std::int64_t at = grid_thread();
  if (at >= shape.k * shape.r * shape.s * shape.c) return;
  const std::int64_t c = at % shape.c, s = at / shape.c % shape.s;
  const std::int64_t r = at / shape.c / shape.s % shape.r, k = at / shape.c / shape.s / shape.r;
  double total = 0;
  for (std::int64_t n = 0; n < shape.n; ++n) {
    for (std::int64_t i = 0; i < out_h; ++i) {
      const std::int64_t row = i * shape.stride + r - shape.padding;
      if (row < 0 || row >= shape.h) continue;
      float sum = 0;
      for (std::int64_t j = 0; j < out_w; ++j) {
        const std::int64_t column = j * shape.stride + s - shape.padding;
        if (column < 0 || column >= shape.w) continue;
        sum += static_cast<float>(dy[((n * out_h + i) * out_w + j) * shape.k + k]) *
               static_cast<float>(x[((n * shape.h + row) * shape.w + column) * shape.c + c]);
      }
      total += sum;
    }
  }
  dweight[at] = static_cast<float>(dweight[at] + total);
}

// A block for each output channel.
template <class T>
__global__ void naive_bias_gradient_kernel(std::int64_t pixels, std::int64_t channels,
                                           const T* __restrict__ dy, float* __restrict__ dbias) {
  const std::int64_t k = blockIdx.x;
  double sum = 0;
  for (std::int64_t p = threadIdx.x; p < pixels; p += threads) {
    sum += static_cast<float>(dy[p * channels + k]);
  }
  sum = block_sum<threads>(sum);
  if (threadIdx.x == 0) {
    dbias[k] = static_cast<float>(dbias[k] + sum);
  }
}

}  // namespace

template <class T>
void naive_forward(const Stream& stream, const Conv2dShape& shape, const T* x, const float* weight,
                   const float* bias, T* y) {
  const std::int64_t n = shape.output_shape().numel();
  launch<naive_forward_kernel<T>>(stream, blocks_for(n, threads), threads, 0, shape, x, weight,
                                  bias, y);
}

template <class T>
void naive_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                          const float* weight, T* dx) {
  const std::int64_t n = shape.input_shape().numel();
  launch<naive_input_gradient_kernel<T>>(stream, blocks_for(n, threads), threads, 0, shape, dy,
                                         weight, dx);
}

template <class T>
void naive_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x, const T* dy,
                           float* dweight, float* dbias) {
  if (dweight) {
    const std::int64_t n = shape.weight_shape().numel();
    launch<naive_weight_gradient_kernel<T>>(stream, blocks_for(n, threads), threads, 0, shape, x,
                                            dy, dweight);
  }
  if (dbias) {
    launch<naive_bias_gradient_kernel<T>>(stream, static_cast<unsigned>(shape.k), threads, 0,
                                          shape.n * shape.out_h() * shape.out_w(), shape.k, dy,
                                          dbias);
  }
}

TELESCOPE_INSTANTIATE_CONV2D(naive, float)
TELESCOPE_INSTANTIATE_CONV2D(naive, bfloat16)

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
