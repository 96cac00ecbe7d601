// SPDX-License-Identifier: MIT
// Files that a command writes when all is done.
#pragma once

#include <string>

namespace telescope::app {

/// Error now rather than after the work, unless a file of that name can be written; "" is none.
void check_writable(const char* option, const std::string& name);

}  // namespace telescope::app
