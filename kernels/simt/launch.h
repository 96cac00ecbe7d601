// SPDX-License-Identifier: MIT
// The one way to start a kernel. Included by simt.h.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <tuple>

#include "core/device.h"
#include "core/error.h"
#include "core/kernel_timer.h"
#include "core/profile.h"
#include "core/simulated_device.h"
#if defined(__CUDACC__)
#include "kernels/current_device.h"
#endif

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {

namespace detail {

/// "tile_kernel<float, 4>" out of what the compiler calls a function with that template argument.
template <auto kernel>
std::string_view kernel_name() {
  std::string_view name = __PRETTY_FUNCTION__;
  name.remove_prefix(std::min(name.find("kernel = ") + 9, name.size()));
  name = name.substr(0, name.find_first_of(";]"));
  const std::string_view scope = name.substr(0, name.find_first_of("<("));
  if (const auto colons = scope.rfind("::"); colons != scope.npos) name.remove_prefix(colons + 2);
  return name;
}

#if defined(__CUDACC__)

inline bool synchronous_launches() {
  static const bool on = [] {
    const char* text = std::getenv("TELESCOPE_SYNC_LAUNCH");
    return text && std::string_view(text) == "1";
  }();
  return on;
}

inline void check_launch(cudaError_t status, std::string_view kernel, dim3 grid, dim3 block,
                         std::size_t shared_bytes) {
  if (status == cudaSuccess) return;
  raise_failure(Scope::current(),
                "kernel {} on {}x{}x{} blocks of {}x{}x{} threads with {} bytes "
                "of shared memory: {}",
                kernel, grid.x, grid.y, grid.z, block.x, block.y, block.z, shared_bytes,
                cudaGetErrorString(status));
}

template <auto kernel, class... P>
void start(void (*)(P...), const Stream& stream, dim3 grid, dim3 block, std::size_t shared_bytes,
           std::tuple<P...> arguments) {
  const auto check = [&](cudaError_t status) {
    check_launch(status, kernel_name<kernel>(), grid, block, shared_bytes);
  };
  const CurrentDevice device(stream.device().index);  // a stream takes kernels of its device alone
  const auto* function = reinterpret_cast<const void*>(kernel);
  if (shared_bytes > 48 * 1024) {  // more is had only by those who ask
    check(cudaFuncSetAttribute(function, cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared_bytes)));
  }
  const auto native = static_cast<cudaStream_t>(stream.native());
  std::apply(
      [&](auto&... argument) {
        void* pointers[] = {static_cast<void*>(&argument)..., nullptr};
        check(cudaLaunchKernel(function, grid, block, pointers, shared_bytes, native));
      },
      arguments);
  if (!synchronous_launches()) return;
  cudaStreamCaptureStatus capture = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(native, &capture));
  if (capture == cudaStreamCaptureStatusNone) check(cudaStreamSynchronize(native));
}

#else

template <auto kernel, class... P>
void start(void (*)(P...), const Stream&, dim3 grid, dim3 block, std::size_t shared_bytes,
           std::tuple<P...> arguments) {
  const simt::Geometry geometry{
      {grid.x, grid.y, grid.z}, {block.x, block.y, block.z}, shared_bytes};
  const auto body = [](const void* context) {
    std::apply(kernel, *static_cast<const std::tuple<P...>*>(context));
  };
  if (simulated_capture()) {
    record_simulated_work(
        [=] { simt::run_grid(kernel_name<kernel>(), geometry, body, &arguments); });
  } else {
    simt::run_grid(kernel_name<kernel>(), geometry, body, &arguments);
  }
}

#endif

}  // namespace detail

/// Starts `kernel` on a grid of blocks of threads, in the order of the stream; nothing for an empty
/// grid. Arguments are converted to the kernel's parameters. Failure that names the kernel if it
/// cannot be started; with TELESCOPE_SYNC_LAUNCH=1 also if it went wrong while running (not where it
/// is recorded into a graph).
///   launch<scale_kernel<float>>(stream, blocks_for(n, 256), 256, 0, n, factor, x, y);
template <auto kernel, class... Arguments>
void launch(const Stream& stream, dim3 grid, dim3 block, std::size_t shared_bytes,
            Arguments... arguments) {
  if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;
  const KernelTimer timer(detail::kernel_name<kernel>(), stream);
  detail::start<kernel>(kernel, stream, grid, block, shared_bytes, {arguments...});
}

/// How many blocks of `threads` cover n elements; at most `most`, for kernels that stride.
inline unsigned blocks_for(std::int64_t n, int threads, std::int64_t most = 0x7fffffff) {
  return static_cast<unsigned>(std::min<std::int64_t>((n + threads - 1) / threads, most));
}

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
