// SPDX-License-Identifier: MIT
#include "apps/version.h"

namespace telescope::app {

std::string version() { return TELESCOPE_VERSION; }

std::string build_description() {
#if defined(__clang__)
  return TELESCOPE_BUILD ", clang " __clang_version__;
#else
  return TELESCOPE_BUILD ", g++ " __VERSION__;
#endif
}

}  // namespace telescope::app
