// SPDX-License-Identifier: MIT
// The program telescope, called from a test.
#pragma once

#include <doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/process.h"

namespace telescope::test {

inline Outcome telescope_run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), TELESCOPE_PROGRAM);
  return run_program(arguments);
}

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

/// One line, the code and a part of the message.
inline void check_refused(const Outcome& outcome, int code, const std::string& part) {
  INFO(outcome.output);
  CHECK(outcome.code == code);
  CHECK(outcome.output.find(part) != std::string::npos);
  const auto last = outcome.output.rfind("telescope: ");
  REQUIRE(last != std::string::npos);
  CHECK(std::count(outcome.output.begin() + static_cast<std::ptrdiff_t>(last), outcome.output.end(),
                   '\n') == 1);
}

}  // namespace telescope::test
