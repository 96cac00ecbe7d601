// SPDX-License-Identifier: MIT
// Device work that is recorded once and replayed as one.
#pragma once

#include <functional>

#include "core/device.h"
#include "core/memory.h"
#include "core/profile.h"

namespace telescope {

/// A sequence of kernels, copies and events on one device: a CUDA graph, or on `cuda-sim` a list of
/// what was launched. Replaying it saves what the host spends on each of them. Kernels see the
/// addresses of the recording: what changes from replay to replay must lie in device memory that the
/// caller overwrites, and results are read from tensors made while recording, which keep their
/// memory as long as the graph lives.
class Graph {
 public:
  /// False for the CPU.
  static bool supported(const Device& device);

  /// Calls `work`, whose operations on the device's stream are recorded, not run. Error if it copies
  /// from or to the host; what it throws is thrown on. Run it once before without recording: first
  /// calls fill caches.
  Graph(const Device& device, const std::function<void()>& work);
  ~Graph();
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  /// Gives all of it to the device's stream, and counts its work (core/profile.h) once more.
  void replay() const;
  /// Bytes of device memory that belong to it.
  std::int64_t bytes() const { return pool_.bytes(); }

 private:
  Device device_;
  PrivatePool pool_;
  void* native_ = nullptr;
  Work work_;
};

}  // namespace telescope
