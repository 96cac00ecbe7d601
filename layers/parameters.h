// SPDX-License-Identifier: MIT
// All parameters of a network in one flat buffer, their gradients in another.
#pragma once

#include <filesystem>
#include <map>

#include "layers/module.h"

namespace telescope {

/// Moves the parameters of a module into one flat buffer and their gradients into a second, so that
/// an optimizer step, zeroing, a norm or a checkpoint is one operation. Every parameter starts at a
/// multiple of 64 bytes; what lies between is zero and stays so. The module must outlive it.
class ParameterBuffer {
 public:
  explicit ParameterBuffer(const Module& module);

  const Tensor& values() const { return values_; }        ///< [n], the parameters
  const Tensor& gradients() const { return gradients_; }  ///< [n], where backward() accumulates
  const NamedTensors& named() const { return named_; }
  void zero_gradients() const { gradients_.fill_zero(); }
  /// The slice of a buffer of this shape (an optimizer's moments) that belongs to each parameter.
  NamedTensors slices(const Tensor& flat) const;

 private:
  NamedTensors named_;
  std::vector<std::int64_t> offsets_;  // bytes
  Tensor values_, gradients_;
};

/// Copies on the host in PyTorch's layouts: convolution weights [out, in, kh, kw], all else as it
/// is.
NamedTensors to_pytorch_layout(const NamedTensors& tensors);

/// Copies `source`, in PyTorch's layouts, into the tensors of `target` of the same names, each on
/// its device. Error that lists missing, unexpected and wrongly shaped names; then nothing was
/// copied.
void load_pytorch_layout(const NamedTensors& target, const NamedTensors& source,
                         std::string_view what);

}  // namespace telescope
