// SPDX-License-Identifier: MIT
#include "kernels/vendor/cublaslt.h"

#include <map>

#include "core/error.h"
#include "kernels/vendor/dynamic_library.h"

namespace telescope::kernels::cublaslt {
namespace {

struct Loaded {
  Functions functions;
  std::string trouble;
};

const Loaded& loaded() {
  static const Loaded all = [] {
    Loaded result;
    DynamicLibrary library("libcublasLt.so." + std::to_string(CUBLAS_VER_MAJOR),
                           TELESCOPE_VENDOR_FOLDER);
#define TELESCOPE_FIND(name) library.find(#name, result.functions.name);
    TELESCOPE_CUBLASLT_FUNCTIONS(TELESCOPE_FIND)
#undef TELESCOPE_FIND
    if (!library.trouble().empty()) result.trouble = "cuBLASLt " + library.trouble();
    return result;
  }();
  return all;
}

}  // namespace

const Functions& functions() { return loaded().functions; }
const std::string& trouble() { return loaded().trouble; }

std::string version() {
  if (!trouble().empty()) return {};
  const std::size_t v = functions().cublasLtGetVersion();
  return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

cublasLtHandle_t handle(const Stream& stream) {
  // Never destroyed: when a thread ends, the driver may have ended before it.
  thread_local std::map<int, cublasLtHandle_t> handles;
  cublasLtHandle_t& mine = handles[stream.device().index];
  if (!mine) check(functions().cublasLtCreate(&mine), "cublaslt", "a handle");
  return mine;
}

void check(cublasStatus_t status, std::string_view operation, const std::string& what) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const char* const name = functions().cublasLtGetStatusString(status);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) {
    raise(operation, "cuBLASLt refuses {}: {}", what, name);
  }
  raise_failure(operation, "cuBLASLt failed with {}: {}", what, name);
}

}  // namespace telescope::kernels::cublaslt
