// SPDX-License-Identifier: MIT
// Files and folders that a command writes to.
#pragma once

#include <filesystem>
#include <string>

namespace telescope::app {

/// Error now rather than after the work, unless a file of that name can be written; "" is none.
void check_writable(const char* option, const std::string& name);

/// With all folders above it, where it is not there. Error if a file stands in its way; Failure if the
/// system refuses.
void create_folder(const char* what, const std::filesystem::path& folder);

}  // namespace telescope::app
