// SPDX-License-Identifier: MIT
#include "kernels/vendor/dynamic_library.h"

#include <dlfcn.h>

namespace telescope::kernels {

DynamicLibrary::DynamicLibrary(const std::string& file, const std::string& folder) : file_(file) {
  handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_) return;
  trouble_ = std::string("cannot be loaded: ") + dlerror();
  handle_ = dlopen((folder + "/" + file).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_) trouble_.clear();
}

void* DynamicLibrary::symbol(const char* name) {
  void* const found = handle_ ? dlsym(handle_, name) : nullptr;
  if (!found && trouble_.empty()) trouble_ = file_ + " has no function " + name;
  return found;
}

}  // namespace telescope::kernels
