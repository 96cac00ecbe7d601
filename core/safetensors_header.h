// SPDX-License-Identifier: MIT
// The JSON header of a safetensors file. Only safetensors.cpp uses it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace telescope::detail {

/// One tensor as the header describes it: nothing is checked but the JSON types.
struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t begin = 0, end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;
  std::map<std::string, std::string> metadata;
};

/// Error naming `file` unless `text` is JSON of exactly the format's form, with unique names.
SafetensorsHeader parse_safetensors_header(const std::string& file, std::string_view text);
/// Error naming `file` if a string is not UTF-8.
std::string format_safetensors_header(const std::string& file, const SafetensorsHeader& header);

/// `text` in quotes, printable and shortened: names in files come from anywhere.
std::string in_quotes(std::string_view text);

}  // namespace telescope::detail
