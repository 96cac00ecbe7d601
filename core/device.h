// SPDX-License-Identifier: MIT
// Where memory lives and where work runs.
#pragma once

#include <string>
#include <string_view>

namespace telescope {

enum class DeviceType { cpu, cuda, cuda_sim };

/// `cpu`, `cuda:i`, or `cuda-sim`: the CUDA kernels run by a simulator on the host.
struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  std::string str() const;
  bool is_cpu() const { return type == DeviceType::cpu; }
  friend bool operator==(const Device&, const Device&) = default;
};

/// Reads "cpu", "cuda", "cuda:1", "cuda-sim" or "auto" (the fastest device there is). Error for
/// anything else, and for a device that this build or this machine does not have.
Device parse_device(std::string_view text);

/// A queue of work on one device. Kernels take it first, and find their device in it. On the CPU
/// work is done when the call returns.
class Stream {
 public:
  Stream() = default;
  explicit Stream(Device device, void* native = nullptr) : device_(device), native_(native) {}

  const Device& device() const { return device_; }
  void* native() const { return native_; }  ///< cudaStream_t on CUDA devices
  /// The stream that operations on `device` use on this thread.
  static Stream current(Device device) { return Stream(device); }

 private:
  Device device_;
  void* native_ = nullptr;
};

}  // namespace telescope
