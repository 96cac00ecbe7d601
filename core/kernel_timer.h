// SPDX-License-Identifier: MIT
// Times what is launched on a stream by the device's own clock.
#pragma once

#include <string_view>

#include "core/device.h"
#include "core/profile.h"

namespace telescope {

/// How a device that works asynchronously tells time; its runtime registers one. A mark is a time
/// stamp taken when the work before it on the stream is done (a cudaEvent_t). A device without a
/// clock has done its work when the launch returns, and is timed by now_seconds().
struct DeviceClock {
  /// Puts a mark on the stream. Null if it cannot: the launch is then not timed. So it must be
  /// while the stream is captured into a graph.
  void* (*mark)(const Stream& stream) noexcept = nullptr;
  /// Seconds from one mark to a later one, waiting for both. Negative if they cannot be told.
  double (*seconds_between)(void* start, void* stop) noexcept = nullptr;
  void (*release)(void* mark) noexcept = nullptr;
};
/// Call before the first launch on such a device; of a device type the last one registered counts.
void register_device_clock(DeviceType type, const DeviceClock& clock);

/// Around one launch, inside the Scope of its operation; the launch helper has one:
///   const KernelTimer timer("conv2d_tf32", stream);
/// Its total has the scope's path and the kernel's name, "mesh0/forward/conv2d/conv2d_tf32", and on
/// an asynchronous device nothing waits for it before profile_totals() is asked for. Costs one
/// branch while profiling is off. `kernel` must outlive the timer.
class KernelTimer {
 public:
  KernelTimer(std::string_view kernel, const Stream& stream) : kernel_(kernel), stream_(stream) {
    if (profiling_on()) [[unlikely]]
      start();
  }
  ~KernelTimer() {
    if (timed_) [[unlikely]]
      stop();
  }
  KernelTimer(const KernelTimer&) = delete;
  KernelTimer& operator=(const KernelTimer&) = delete;

 private:
  void start();
  void stop();

  std::string_view kernel_;
  const Stream& stream_;
  void* mark_ = nullptr;
  double start_ = 0;
  bool timed_ = false;
};

}  // namespace telescope
