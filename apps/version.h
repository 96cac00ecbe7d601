// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace telescope::app {

std::string version();            ///< "0.1.0"
std::string build_description();  ///< "Release, g++ 12.2.0"

}  // namespace telescope::app
