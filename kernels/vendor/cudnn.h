// SPDX-License-Identifier: MIT
// What all calls of cuDNN share: its functions, which are looked up when first needed, a handle for
// each thread and device, descriptors that free themselves, and its refusals in words.
#pragma once

#include <cudnn.h>

#include <memory>
#include <string>
#include <type_traits>

#include "core/device.h"

namespace telescope::kernels::cudnn {

#define TELESCOPE_CUDNN_FUNCTIONS(F)               \
  F(cudnnAddTensor)                                \
  F(cudnnConvolutionBackwardBias)                  \
  F(cudnnConvolutionBackwardData)                  \
  F(cudnnConvolutionBackwardFilter)                \
  F(cudnnConvolutionForward)                       \
  F(cudnnCreate)                                   \
  F(cudnnCreateConvolutionDescriptor)              \
  F(cudnnCreateFilterDescriptor)                   \
  F(cudnnCreateTensorDescriptor)                   \
  F(cudnnDestroyConvolutionDescriptor)             \
  F(cudnnDestroyFilterDescriptor)                  \
  F(cudnnDestroyTensorDescriptor)                  \
  F(cudnnGetConvolutionBackwardDataAlgorithm_v7)   \
  F(cudnnGetConvolutionBackwardFilterAlgorithm_v7) \
  F(cudnnGetConvolutionForwardAlgorithm_v7)        \
  F(cudnnGetErrorString)                           \
  F(cudnnGetLastErrorString)                       \
  F(cudnnGetVersion)                               \
  F(cudnnSetConvolution2dDescriptor)               \
  F(cudnnSetConvolutionMathType)                   \
  F(cudnnSetFilter4dDescriptor)                    \
  F(cudnnSetStream)                                \
  F(cudnnSetTensor4dDescriptor)                    \
  F(cudnnSoftmaxBackward)                          \
  F(cudnnSoftmaxForward)

struct Functions {
#define TELESCOPE_DECLARE(name) decltype(&::name) name = nullptr;
  TELESCOPE_CUDNN_FUNCTIONS(TELESCOPE_DECLARE)
#undef TELESCOPE_DECLARE
};
/// All of them set if trouble() is "".
const Functions& functions();
/// Why cuDNN cannot be used here.
const std::string& trouble();
/// "9.19.0", "" if it cannot be used.
std::string version();

/// This thread's for the device of the stream, its work ordered on the stream.
cudnnHandle_t handle(const Stream& stream);

/// Error if cuDNN refuses `what` ("an input [1,3,3,2], ..."), Failure if it goes wrong otherwise.
void check(cudnnStatus_t status, std::string_view operation, const std::string& what);
/// cuDNN's extents are int: Error for one that is not.
int extent(std::int64_t n, std::string_view operation, const std::string& what);

template <class Descriptor>
using Owned = std::unique_ptr<std::remove_pointer_t<Descriptor>, cudnnStatus_t (*)(Descriptor)>;
template <class Descriptor>
Owned<Descriptor> created(cudnnStatus_t (*create)(Descriptor*),
                          cudnnStatus_t (*destroy)(Descriptor)) {
  Descriptor made = nullptr;
  check(create(&made), "cudnn", "a descriptor");
  return {made, destroy};
}
using Tensor4d = Owned<cudnnTensorDescriptor_t>;
/// f32, [n, h, w, c] as it lies in memory.
Tensor4d tensor4d(int n, int h, int w, int c, std::string_view operation, const std::string& what);

}  // namespace telescope::kernels::cudnn
