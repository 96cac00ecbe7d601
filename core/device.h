// SPDX-License-Identifier: MIT
// Where memory lives and where work runs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

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

/// Reads "cpu", "cuda" (the first), "cuda:1", "cuda-sim" or "auto" (cuda where there is one, else
/// cpu). Error for anything else, and for a device that this build or this machine does not have.
Device parse_device(std::string_view text);

struct DeviceInfo {
  Device device;
  std::string name;         ///< for people: "NVIDIA H200"
  std::int64_t memory = 0;  ///< bytes in all
};
/// What this build can run on this machine.
std::vector<DeviceInfo> devices();

/// A queue of work on one device. Kernels take it first, and find their device in it. On `cpu` and
/// `cuda-sim` work is done when the call returns.
class Stream {
 public:
  Stream() = default;
  explicit Stream(Device device, void* native = nullptr) : device_(device), native_(native) {}

  const Device& device() const { return device_; }
  void* native() const { return native_; }  ///< cudaStream_t on CUDA devices
  /// The stream that operations on `device` use: one per device, on which all its work is ordered.
  static Stream current(Device device) {
    return device.type == DeviceType::cuda ? of_cuda(device) : Stream(device);
  }
  /// Returns when everything given to it is done; Failure if some of it went wrong.
  void synchronize() const;

 private:
  static Stream of_cuda(Device device);

  Device device_;
  void* native_ = nullptr;
};

}  // namespace telescope
