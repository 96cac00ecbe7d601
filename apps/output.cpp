// SPDX-License-Identifier: MIT
#include "apps/output.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "core/error.h"

namespace telescope::app {
namespace fs = std::filesystem;

void check_writable(const char* option, const std::string& name) {
  if (name.empty()) return;
  const fs::path path(name), folder = path.has_parent_path() ? path.parent_path() : ".";
  TELESCOPE_CHECK(fs::is_directory(folder), option, "there is no folder {}", folder.string());
  TELESCOPE_CHECK(!fs::is_directory(path), option, "expected a file, {} is a folder", name);
  const fs::path& written = fs::exists(path) && !fs::is_regular_file(path) ? path : folder;
  TELESCOPE_CHECK(access(written.c_str(), W_OK) == 0, option, "{} may not be written to",
                  written.string());
}

void check_json_file(const char* option, const std::string& name) {
  check_writable(option, name);
  if (!fs::is_regular_file(name)) return;
  char first = '{';
  std::ifstream(name) >> first;  // an empty file leaves it
  TELESCOPE_CHECK(first == '{' || first == '[', option, "would overwrite {}, which is not JSON",
                  name);
}

void create_folder(const char* what, const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  std::error_code status;
  if (fs::is_directory(folder, status)) return;
  TELESCOPE_CHECK(!fs::exists(folder, status), what, "{} is a file, expected a folder",
                  folder.string());
  TELESCOPE_CHECK(error != std::errc::not_a_directory, what,
                  "cannot create {}: a file stands where a folder above it should",
                  folder.string());
  raise_failure(what, "cannot create {}: {}", folder.string(), error.message());
}

}  // namespace telescope::app
