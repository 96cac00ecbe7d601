// SPDX-License-Identifier: MIT
// A run of the program that is over in a moment.
#pragma once

#include "support/telescope.h"
#include "support/temporary_folder.h"

namespace telescope::test {

/// The folder of a run of its own, 16 x 16 pixels on two meshes; `more` are arguments of train.
inline std::filesystem::path small_run(const std::filesystem::path& out,
                                       const std::vector<std::string>& more) {
  std::vector<std::string> arguments = {
      "train",   "--size", "16",        "--levels", "2",
      "--batch", "2",      "--steps",   "4",        "--validation-images",
      "6",       "--out",  out.string()};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Outcome outcome = telescope_run(arguments);
  INFO(outcome.output);
  REQUIRE(outcome.code == 0);
  return out;
}

}  // namespace telescope::test
