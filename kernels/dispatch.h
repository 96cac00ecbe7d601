// SPDX-License-Identifier: MIT
// Where a validated, counted call meets the code of its stream's device.
#pragma once

#include <string_view>
#include <type_traits>

#include "core/device.h"
#include "core/dtype.h"
#include "core/error.h"
#include "kernels/elements/elements.h"

namespace telescope::kernels {

/// Element types that have device code. Double is for reference values, on the CPU.
template <class T>
inline constexpr bool runs_on_devices = !std::is_same_v<T, double>;
/// Those that have code for the CPU, which computes in the precision it stores.
template <class T>
inline constexpr bool runs_on_cpu = !std::is_same_v<T, bfloat16>;

}  // namespace telescope::kernels

/// Declares functions of the same name and arguments in cpu::, cuda:: and cuda_sim::, the code of
/// f_cpu.cpp and f_cuda.cu. Stream is the first argument everywhere.
#define TELESCOPE_ON_EVERY_DEVICE(...) \
  namespace cpu {                      \
  __VA_ARGS__                          \
  }                                    \
  namespace cuda {                     \
  __VA_ARGS__                          \
  }                                    \
  namespace cuda_sim {                 \
  __VA_ARGS__                          \
  }

#if defined(TELESCOPE_CUDA)
#define TELESCOPE_CALL_CUDA(function, ...) return cuda::function(__VA_ARGS__)
#else
#define TELESCOPE_CALL_CUDA(function, ...) break
#endif
#if defined(TELESCOPE_CUDA_SIM)
#define TELESCOPE_CALL_CUDA_SIM(function, ...) return cuda_sim::function(__VA_ARGS__)
#else
#define TELESCOPE_CALL_CUDA_SIM(function, ...) break
#endif

/// Calls `function` of the stream's device and returns; goes on on the CPU, and where the build
/// lacks the device.
#define TELESCOPE_CALL_ON_GPU(stream, function, ...)          \
  switch ((stream).device().type) {                           \
    case ::telescope::DeviceType::cpu:                        \
      break;                                                  \
    case ::telescope::DeviceType::cuda:                       \
      TELESCOPE_CALL_CUDA(function, stream, __VA_ARGS__);     \
    case ::telescope::DeviceType::cuda_sim:                   \
      TELESCOPE_CALL_CUDA_SIM(function, stream, __VA_ARGS__); \
  }                                                           \
  static_assert(true)

/// Calls `function` of the stream's device and returns; Error where the build lacks the device.
#define TELESCOPE_CALL_ON_DEVICE(stream, function, ...)                      \
  if ((stream).device().is_cpu()) return cpu::function(stream, __VA_ARGS__); \
  TELESCOPE_CALL_ON_GPU(stream, function, __VA_ARGS__);                      \
  ::telescope::raise(#function, "no kernel for the device {}", (stream).device().str())

/// In a function template over the element type T: calls `function` of the stream's device; Error
/// where that has no code for T.
///   TELESCOPE_DISPATCH(stream, layer_norm, n, m, eps, slope, x, y, rstd);
#define TELESCOPE_DISPATCH(stream, function, ...)                                                \
  do {                                                                                           \
    if constexpr (::telescope::kernels::runs_on_cpu<T>) {                                        \
      if ((stream).device().is_cpu()) return cpu::function(stream, __VA_ARGS__);                 \
    }                                                                                            \
    if constexpr (::telescope::kernels::runs_on_devices<T>) {                                    \
      TELESCOPE_CALL_ON_GPU(stream, function, __VA_ARGS__);                                      \
    }                                                                                            \
    ::telescope::raise(#function, "no kernel for {} on {}",                                      \
                       ::telescope::name_of(::telescope::dtype_of<T>), (stream).device().str()); \
  } while (false)
