// SPDX-License-Identifier: MIT
// Numbers on the command line, taken for what they say or refused.
#pragma once

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>

namespace telescope::app {

/// A check for a CLI11 option: CLI11 alone takes "" for 0, 10^30 for the greatest number and -1 for a
/// great unsigned one, all silently. "nan" is no number.
template <class Number>
CLI::Validator number(Number least = std::numeric_limits<Number>::lowest(),
                      Number most = std::numeric_limits<Number>::max()) {
  const auto problem = [least, most](const std::string& text) -> std::string {
    Number value{};
    const char* end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data(), end, value);
    const bool whole = parsed.ptr == end && !text.empty();
    if constexpr (std::is_floating_point_v<Number>) {
      return whole && !std::isnan(value) ? "" : fmt::format("expected a number, got '{}'", text);
    }
    if (whole && parsed.ec == std::errc() && value >= least && value <= most) return "";
    return fmt::format("expected a whole number from {} to {}, got '{}'", least, most, text);
  };
  return {problem, ""};
}

}  // namespace telescope::app
