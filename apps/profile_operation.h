// SPDX-License-Identifier: MIT
// The operations that `telescope profile --operation` knows, by name and shape.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace telescope::app {

/// An operation with its inputs in place.
struct PreparedOperation {
  /// Forward; undefined where there is nothing to walk back from.
  std::function<Tensor()> forward;
  /// Whose gradients backward takes.
  std::vector<Tensor> leaves;
};

/// Prepares the operation on random inputs. `shape`: the extents that the list below names, or none
/// for its defaults. Error for an unknown name and for a shape that does not fit.
PreparedOperation prepare_operation(const std::string& name, std::vector<std::int64_t> shape,
                                    Device device);
/// "conv2d N,H,W,C,K,R,stride 4,64,64,32,32,3,1", an operation a line.
std::string operation_list();

}  // namespace telescope::app
