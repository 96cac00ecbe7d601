// SPDX-License-Identifier: MIT
// What every lesson's main() does: takes the folder for pictures, says how it ended.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace telescope::lessons {

/// What a lesson has shown, its last line, and whether the numbers bear it out.
struct Conclusion {
  std::string text;
  bool holds = false;
};

/// Runs a lesson with the folder its pictures go to, the program's one argument (by default where
/// it is run), and prints its conclusion. The exit code: 0, 1 if the conclusion does not hold or
/// something went wrong, 2 for a wrong request.
int run_lesson(int argc, char** argv,
               const std::function<Conclusion(const std::filesystem::path& folder)>& lesson);

}  // namespace telescope::lessons
