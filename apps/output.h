// SPDX-License-Identifier: MIT
// Files and folders that a command writes to.
#pragma once

#include <filesystem>
#include <string>

namespace telescope::app {

/// Error now rather than after the work, unless a file of that name can be written; "" is none.
void check_writable(const char* option, const std::string& name);

/// The same for a file of JSON, which may take the place of one, and of nothing else: not of a
/// checkpoint or a photograph whose name was given by mistake.
void check_json_file(const char* option, const std::string& name);

/// With all folders above it, where it is not there. Error if a file stands in its way; Failure if the
/// system refuses.
void create_folder(const char* what, const std::filesystem::path& folder);

}  // namespace telescope::app
