// SPDX-License-Identifier: MIT
#include "apps/lessons/support/lesson.h"

#include <cstdio>

#include "core/error.h"

namespace telescope::lessons {
namespace {

std::filesystem::path folder_of(int argc, char** argv) {
  TELESCOPE_CHECK(argc <= 2, "lesson", "expected at most one folder for its picture, got {} words",
                  argc - 1);
  const std::filesystem::path folder = argc == 2 ? argv[1] : ".";
  TELESCOPE_CHECK(std::filesystem::is_directory(folder), "lesson", "there is no folder {}",
                  folder.string());
  return folder;
}

int complain(int code, const char* message) {
  fmt::print(stderr, "{}\n", message);
  return code;
}

}  // namespace

int run_lesson(int argc, char** argv,
               const std::function<Conclusion(const std::filesystem::path& folder)>& lesson) {
  try {
    const Conclusion conclusion = lesson(folder_of(argc, argv));
    fmt::print("{}\n", conclusion.text);
    return conclusion.holds ? 0 : complain(1, "lesson: these numbers do not show what they should");
  } catch (const Failure& failure) {
    return complain(1, failure.what());
  } catch (const Error& error) {
    return complain(2, error.what());
  } catch (const std::exception& error) {
    return complain(1, error.what());
  }
}

}  // namespace telescope::lessons
