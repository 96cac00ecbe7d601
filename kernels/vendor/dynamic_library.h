// SPDX-License-Identifier: MIT
// A library that is loaded when it is first needed rather than when the program starts, so that the
// program starts where it is missing.
#pragma once

#include <string>

namespace telescope::kernels {

/// Loaded for the rest of the process.
class DynamicLibrary {
 public:
  /// Looks where the system's loader looks, then in `folder`.
  DynamicLibrary(const std::string& file, const std::string& folder);

  /// Sets `function` to the library's function of that name.
  template <class Function>
  void find(const char* name, Function*& function) {
    function = reinterpret_cast<Function*>(symbol(name));
  }
  /// Why the library cannot be used, "" if it can.
  const std::string& trouble() const { return trouble_; }

 private:
  void* symbol(const char* name);

  std::string file_, trouble_;
  void* handle_ = nullptr;
};

}  // namespace telescope::kernels
