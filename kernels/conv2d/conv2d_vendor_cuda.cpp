// SPDX-License-Identifier: MIT
// cuDNN's convolutions of images in NHWC and weights in [K, R, S, C], as they are. The algorithm is
// the first of cuDNN's own ranking that gives the same bits every time and asks for moderate scratch
// memory. The ranking measures nothing, so that it costs a first step little; it is kept by shape.
#include <array>

#include "core/error.h"
#include "core/kernel_timer.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_passes.h"
#include "kernels/current_device.h"
#include "kernels/precision.h"
#include "kernels/vendor/cache.h"
#include "kernels/vendor/cudnn.h"
#include "kernels/workspace.h"

namespace telescope::kernels::vendor_cuda {
namespace {

using cudnn::functions, cudnn::handle;

constexpr std::size_t most_workspace = std::size_t{1} << 30;  // some ask for more than the images

std::string described(const Conv2dShape& s) {
  return fmt::format("an input {}, weights {}, a stride of {} and a padding of {}",
                     s.input_shape().str(), s.weight_shape().str(), s.stride, s.padding);
}

struct Descriptors {
  cudnn::Tensor4d x, y, bias;
  cudnn::Owned<cudnnFilterDescriptor_t> weight;
  cudnn::Owned<cudnnConvolutionDescriptor_t> convolution;
};

// cuDNN's word for factors in f32, or rounded to tf32 where it likes.
cudnnMathType_t math_type() {
  return precision() == Precision::fp32 ? CUDNN_FMA_MATH : CUDNN_DEFAULT_MATH;
}

Descriptors describe(std::string_view operation, const Conv2dShape& s) {
  const auto& f = functions();
  const std::string what = described(s);
  const auto size = [&](std::int64_t n) { return cudnn::extent(n, operation, what); };
  const auto image = [&](std::int64_t n, std::int64_t h, std::int64_t w, std::int64_t c) {
    return cudnn::tensor4d(size(n), size(h), size(w), size(c), operation, what);
  };
  Descriptors d{
      image(s.n, s.h, s.w, s.c), image(s.n, s.out_h(), s.out_w(), s.k), image(1, 1, 1, s.k),
      cudnn::created(f.cudnnCreateFilterDescriptor, f.cudnnDestroyFilterDescriptor),
      cudnn::created(f.cudnnCreateConvolutionDescriptor, f.cudnnDestroyConvolutionDescriptor)};
  cudnn::check(f.cudnnSetFilter4dDescriptor(d.weight.get(), CUDNN_DATA_FLOAT, CUDNN_TENSOR_NHWC,
                                            size(s.k), size(s.c), size(s.r), size(s.s)),
               operation, what);
  cudnn::check(f.cudnnSetConvolution2dDescriptor(d.convolution.get(), size(s.padding),
                                                 size(s.padding), size(s.stride), size(s.stride), 1,
                                                 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT),
               operation, what);
  cudnn::check(f.cudnnSetConvolutionMathType(d.convolution.get(), math_type()), operation, what);
  return d;
}

// Descriptors and the algorithm of one function, which has `Algorithm` for its numbers.
template <class Algorithm>
struct Prepared {
  Descriptors descriptors;
  Algorithm algorithm;
  std::int64_t workspace;
};

// `rank(descriptors, most, &count, answers)` asks cuDNN for its ranking.
template <class Answer, class Rank>
auto prepare(std::string_view operation, const Conv2dShape& s, const Rank& rank) {
  Descriptors d = describe(operation, s);
  std::array<Answer, 16> answers{};
  int count = 0;
  cudnn::check(rank(d, static_cast<int>(answers.size()), &count, answers.data()), operation,
               described(s));
  cudnnStatus_t why = CUDNN_STATUS_NOT_SUPPORTED;
  for (int i = 0; i < count; ++i) {
    const Answer& answer = answers[static_cast<std::size_t>(i)];
    if (answer.status != CUDNN_STATUS_SUCCESS) {
      if (i == 0) why = answer.status;
      continue;
    }
    if (answer.determinism != CUDNN_DETERMINISTIC || answer.memory > most_workspace) continue;
    const bool exact = precision() == Precision::fp32;
    cudnn::check(functions().cudnnSetConvolutionMathType(d.convolution.get(),
                                                         exact ? CUDNN_FMA_MATH : answer.mathType),
                 operation, described(s));
    return Prepared<decltype(answer.algo)>{std::move(d), answer.algo,
                                           static_cast<std::int64_t>(answer.memory)};
  }
  raise(
      operation,
      "cuDNN refuses {}: {}; it has no algorithm for it that gives the same bits every time in at "
      "most {} MiB of scratch memory",
      described(s), functions().cudnnGetErrorString(why), most_workspace >> 20);
}

using Key = std::array<std::int64_t, 11>;

Key key_of(const Stream& stream, const Conv2dShape& s) {
  return {stream.device().index,
          precision() == Precision::fp32,
          s.n,
          s.h,
          s.w,
          s.c,
          s.k,
          s.r,
          s.s,
          s.stride,
          s.padding};
}

// Its kernels read 16 bytes at a time.
void check_aligned(std::string_view operation, std::initializer_list<const void*> arrays) {
  for (const void* array : arrays) {
    TELESCOPE_CHECK(reinterpret_cast<std::uintptr_t>(array) % 16 == 0, operation,
                    "cuDNN refuses an array that is not aligned to 16 bytes");
  }
}

constexpr float one = 1, zero = 0;

}  // namespace

void conv2d_forward(const Stream& stream, const Conv2dShape& s, const float* x, const float* weight,
                    const Conv2dEpilogue<float>& epilogue, float* y) {
  if (s.output_shape().numel() == 0) return;
  constexpr std::string_view operation = "conv2d";
  check_aligned(operation, {x, weight, epilogue.bias, y});
  const auto& f = functions();
  const CurrentDevice device(stream.device().index);
  const cudnnHandle_t cudnn = handle(stream);
  thread_local PreparedCache<Prepared<cudnnConvolutionFwdAlgo_t>, 11> cache;
  const auto& p = cache.get(key_of(stream, s), [&] {
    return prepare<cudnnConvolutionFwdAlgoPerf_t>(
        operation, s, [&](const Descriptors& d, int most, int* count, auto* answers) {
          return f.cudnnGetConvolutionForwardAlgorithm_v7(cudnn, d.x.get(), d.weight.get(),
                                                          d.convolution.get(), d.y.get(), most,
                                                          count, answers);
        });
  });
  const Descriptors& d = p.descriptors;
  const Workspace<std::byte> room(p.workspace, stream.device());
  {
    const KernelTimer timer("cudnnConvolutionForward", stream);
    cudnn::check(
        f.cudnnConvolutionForward(cudnn, &one, d.x.get(), x, d.weight.get(), weight,
                                  d.convolution.get(), p.algorithm, room.data(),
                                  static_cast<std::size_t>(p.workspace), &zero, d.y.get(), y),
        operation, described(s));
    if (epilogue.bias) {
      cudnn::check(f.cudnnAddTensor(cudnn, &one, d.bias.get(), epilogue.bias, &one, d.y.get(), y),
                   operation, described(s));
    }
  }
  add_after_bias(stream, s, epilogue, y);
}

void conv2d_input_gradient(const Stream& stream, const Conv2dShape& s, const float* dy,
                           const float* weight, bool accumulate, float* dx) {
  if (s.input_shape().numel() == 0) return;
  constexpr std::string_view operation = "conv2d_input_gradient";
  check_aligned(operation, {dy, weight, dx});
  const auto& f = functions();
  const CurrentDevice device(stream.device().index);
  const cudnnHandle_t cudnn = handle(stream);
  thread_local PreparedCache<Prepared<cudnnConvolutionBwdDataAlgo_t>, 11> cache;
  const auto& p = cache.get(key_of(stream, s), [&] {
    return prepare<cudnnConvolutionBwdDataAlgoPerf_t>(
        operation, s, [&](const Descriptors& d, int most, int* count, auto* answers) {
          return f.cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnn, d.weight.get(), d.y.get(),
                                                               d.convolution.get(), d.x.get(), most,
                                                               count, answers);
        });
  });
  const Descriptors& d = p.descriptors;
  const Workspace<std::byte> room(p.workspace, stream.device());
  const KernelTimer timer("cudnnConvolutionBackwardData", stream);
  const float beta = accumulate ? one : zero;
  cudnn::check(
      f.cudnnConvolutionBackwardData(cudnn, &one, d.weight.get(), weight, d.y.get(), dy,
                                     d.convolution.get(), p.algorithm, room.data(),
                                     static_cast<std::size_t>(p.workspace), &beta, d.x.get(), dx),
      operation, described(s));
}

void conv2d_weight_gradient(const Stream& stream, const Conv2dShape& s, const float* x,
                            const float* dy, float* dweight, float* dbias) {
  if (s.output_shape().numel() == 0) return;
  constexpr std::string_view operation = "conv2d_weight_gradient";
  check_aligned(operation, {x, dy, dweight, dbias});
  const auto& f = functions();
  const CurrentDevice device(stream.device().index);
  const cudnnHandle_t cudnn = handle(stream);
  thread_local PreparedCache<Prepared<cudnnConvolutionBwdFilterAlgo_t>, 11> cache;
  const auto& p = cache.get(key_of(stream, s), [&] {
    return prepare<cudnnConvolutionBwdFilterAlgoPerf_t>(
        operation, s, [&](const Descriptors& d, int most, int* count, auto* answers) {
          return f.cudnnGetConvolutionBackwardFilterAlgorithm_v7(
              cudnn, d.x.get(), d.y.get(), d.convolution.get(), d.weight.get(), most, count,
              answers);
        });
  });
  const Descriptors& d = p.descriptors;
  if (dweight) {
    const Workspace<std::byte> room(p.workspace, stream.device());
    const KernelTimer timer("cudnnConvolutionBackwardFilter", stream);
    cudnn::check(f.cudnnConvolutionBackwardFilter(cudnn, &one, d.x.get(), x, d.y.get(), dy,
                                                  d.convolution.get(), p.algorithm, room.data(),
                                                  static_cast<std::size_t>(p.workspace), &one,
                                                  d.weight.get(), dweight),
                 operation, described(s));
  }
  if (dbias) {
    const KernelTimer timer("cudnnConvolutionBackwardBias", stream);
    cudnn::check(
        f.cudnnConvolutionBackwardBias(cudnn, &one, d.y.get(), dy, &one, d.bias.get(), dbias),
        operation, described(s));
  }
}

}  // namespace telescope::kernels::vendor_cuda
