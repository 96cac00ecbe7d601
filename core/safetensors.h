// SPDX-License-Identifier: MIT
// The safetensors format (github.com/huggingface/safetensors): 8 bytes little-endian header length,
// a JSON header {"name": {"dtype": "F32", "shape": [2,3], "data_offsets": [0,24]}, ...,
// "__metadata__": {"key": "text"}}, then the elements. Read without copying, written atomically.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace telescope {

struct SafetensorsFile {
  NamedTensors tensors;  ///< in the order of the header
  std::map<std::string, std::string> metadata;

  /// The tensor of that name, undefined if there is none.
  Tensor find(std::string_view name) const;
};

/// Reads a file with tensors of F32, F64, BF16, U8 and I64. The elements stay in the mapped file
/// (copied only if the file does not align them); overwriting them changes memory, not the file.
/// Every header that does not describe the file exactly is an Error that names file and reason.
SafetensorsFile read_safetensors(const std::filesystem::path& path);

/// Writes atomically (core/file.h). Shapes and elements are stored as they are; the tensors are
/// laid out by falling size of their elements, so that all are aligned. Error for undefined
/// tensors, equal names, the name "__metadata__" and text that is not UTF-8.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace telescope
