// SPDX-License-Identifier: MIT
// cuDNN's softmax: a row is an image of one pixel, its elements are the channels.
#include "kernels/softmax/softmax.h"

#include "core/error.h"
#include "core/kernel_timer.h"
#include "kernels/current_device.h"
#include "kernels/vendor/cache.h"
#include "kernels/vendor/cudnn.h"

namespace telescope::kernels::vendor_cuda {
namespace {

constexpr float one = 1, zero = 0;

std::string described(std::int64_t rows, std::int64_t columns) {
  return fmt::format("{} rows of {}", rows, columns);
}

cudnnTensorDescriptor_t all_rows(std::string_view operation, std::int64_t rows,
                                 std::int64_t columns) {
  thread_local PreparedCache<cudnn::Tensor4d, 2> cache;
  const auto& kept = cache.get({rows, columns}, [&] {
    const std::string what = described(rows, columns);
    const int n = cudnn::extent(rows, operation, what), c = cudnn::extent(columns, operation, what);
    return cudnn::tensor4d(n, 1, 1, c, operation, what);
  });
  return kept.get();
}

}  // namespace

void softmax(const Stream& stream, std::int64_t rows, std::int64_t columns, const float* x,
             float* y) {
  if (rows == 0 || columns == 0) return;
  const CurrentDevice device(stream.device().index);
  const cudnnTensorDescriptor_t d = all_rows("softmax", rows, columns);
  const cudnnHandle_t handle = cudnn::handle(stream);
  const KernelTimer timer("cudnnSoftmaxForward", stream);
  cudnn::check(
      cudnn::functions().cudnnSoftmaxForward(handle, CUDNN_SOFTMAX_ACCURATE,
                                             CUDNN_SOFTMAX_MODE_INSTANCE, &one, d, x, &zero, d, y),
      "softmax", described(rows, columns));
}

void softmax_backward(const Stream& stream, std::int64_t rows, std::int64_t columns, const float* y,
                      const float* dy, float* dx) {
  if (rows == 0 || columns == 0) return;
  const CurrentDevice device(stream.device().index);
  const cudnnTensorDescriptor_t d = all_rows("softmax_backward", rows, columns);
  const cudnnHandle_t handle = cudnn::handle(stream);
  const KernelTimer timer("cudnnSoftmaxBackward", stream);
  cudnn::check(cudnn::functions().cudnnSoftmaxBackward(handle, CUDNN_SOFTMAX_ACCURATE,
                                                       CUDNN_SOFTMAX_MODE_INSTANCE, &one, d, y, d,
                                                       dy, &zero, d, dx),
               "softmax_backward", described(rows, columns));
}

}  // namespace telescope::kernels::vendor_cuda
