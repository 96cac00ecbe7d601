// SPDX-License-Identifier: MIT
// Errors a user can read: which operation, what was expected, what came.
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <string_view>

namespace telescope {

/// A wrong request: a shape, an argument or a file that cannot be used. Programs exit with 2.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A right request that went wrong while running (disk full, out of memory, loss not finite).
/// Programs exit with 1.
class Failure : public Error {
 public:
  using Error::Error;
};

namespace detail {
template <class E, class... Args>
[[noreturn]] void fail(std::string_view operation, fmt::format_string<Args...> format,
                       Args&&... args) {
  throw E(std::string(operation) + ": " + fmt::vformat(format, fmt::make_format_args(args...)));
}
}  // namespace detail

/// Throws Error("<operation>: <message>"). `operation` is what the user called: "conv2d".
template <class... Args>
[[noreturn]] void raise(std::string_view operation, fmt::format_string<Args...> format,
                        Args&&... args) {
  detail::fail<Error>(operation, format, std::forward<Args>(args)...);
}

/// Throws Failure("<operation>: <message>").
template <class... Args>
[[noreturn]] void raise_failure(std::string_view operation, fmt::format_string<Args...> format,
                                Args&&... args) {
  detail::fail<Failure>(operation, format, std::forward<Args>(args)...);
}

}  // namespace telescope

/// TELESCOPE_CHECK(c == 3, "conv2d", "input has {} channels, weight expects {}", c, 3);
#define TELESCOPE_CHECK(condition, operation, ...) \
  do {                                             \
    if (!(condition)) [[unlikely]]                 \
      ::telescope::raise(operation, __VA_ARGS__);  \
  } while (false)
