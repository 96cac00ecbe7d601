// SPDX-License-Identifier: MIT
// Where real pictures lie, for the tests that can use some: a folder with bsds500/, urban100/,
// stl10_binary/ and cifar-10-batches-bin/ as they are published.
#pragma once

#include <cstdlib>
#include <filesystem>

namespace telescope::test {

/// $TELESCOPE_DATA, else shared/data beside the sources. It need not be there.
inline std::filesystem::path data_folder() {
  if (const char* folder = std::getenv("TELESCOPE_DATA")) return folder;
  return std::filesystem::path(TELESCOPE_SOURCE_DIR).parent_path() / "shared" / "data";
}

}  // namespace telescope::test
