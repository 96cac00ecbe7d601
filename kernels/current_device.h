// SPDX-License-Identifier: MIT
#pragma once

#include <cuda_runtime_api.h>

namespace telescope::kernels {

/// Makes a device the one that this thread launches kernels on and calls CUDA's libraries for, and the
/// one before it again at the end.
class CurrentDevice {
 public:
  explicit CurrentDevice(int index) : index_(index) {
    cudaGetDevice(&before_);
    if (before_ != index_) cudaSetDevice(index_);
  }
  ~CurrentDevice() {
    if (before_ != index_) cudaSetDevice(before_);
  }
  CurrentDevice(const CurrentDevice&) = delete;
  CurrentDevice& operator=(const CurrentDevice&) = delete;

 private:
  int index_, before_ = 0;
};

}  // namespace telescope::kernels
