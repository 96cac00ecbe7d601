// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_tensor_core.h"

#include "kernels/dispatch.h"

namespace telescope::kernels {

#define TELESCOPE_DECLARE                                                                        \
  template <class T>                                                                             \
  void conv2d_tensor_core_forward(const Stream&, const Conv2dShape&, const T*, const Wide<T>*,   \
                                  const Wide<T>*, T*, Epilogue, TensorCoreTile);                 \
  template <class T>                                                                             \
  void conv2d_tensor_core_input_gradient(const Stream&, const Conv2dShape&, const T*,            \
                                         const Wide<T>*, T*, TensorCoreTile);                    \
  template <class T>                                                                             \
  void conv2d_tensor_core_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*, \
                                          Wide<T>*, Wide<T>*, TensorCoreTile);
namespace cuda {
TELESCOPE_DECLARE
}  // namespace cuda
namespace cuda_sim {
TELESCOPE_DECLARE
}  // namespace cuda_sim
#undef TELESCOPE_DECLARE

// As TELESCOPE_DISPATCH, but there is nothing for the CPU.
#define TELESCOPE_DISPATCH_DEVICES(function, ...)       \
  TELESCOPE_CALL_ON_GPU(stream, function, __VA_ARGS__); \
  raise("conv2d", "no tensor cores on {}", stream.device().str())

template <class T>
void conv2d_tensor_core_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                                const Wide<T>* weight, const Wide<T>* bias, T* y, Epilogue epilogue,
                                TensorCoreTile tile) {
  TELESCOPE_DISPATCH_DEVICES(conv2d_tensor_core_forward, shape, x, weight, bias, y, epilogue, tile);
}

template <class T>
void conv2d_tensor_core_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                                       const Wide<T>* weight, T* dx, TensorCoreTile tile) {
  TELESCOPE_DISPATCH_DEVICES(conv2d_tensor_core_input_gradient, shape, dy, weight, dx, tile);
}

template <class T>
void conv2d_tensor_core_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x,
                                        const T* dy, Wide<T>* dweight, Wide<T>* dbias,
                                        TensorCoreTile tile) {
  TELESCOPE_DISPATCH_DEVICES(conv2d_tensor_core_weight_gradient, shape, x, dy, dweight, dbias,
                             tile);
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void conv2d_tensor_core_forward(const Stream&, const Conv2dShape&, const T*,         \
                                           const Wide<T>*, const Wide<T>*, T*, Epilogue,        \
                                           TensorCoreTile);                                     \
  template void conv2d_tensor_core_input_gradient(const Stream&, const Conv2dShape&, const T*,  \
                                                  const Wide<T>*, T*, TensorCoreTile);          \
  template void conv2d_tensor_core_weight_gradient(const Stream&, const Conv2dShape&, const T*, \
                                                   const T*, Wide<T>*, Wide<T>*, TensorCoreTile);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
