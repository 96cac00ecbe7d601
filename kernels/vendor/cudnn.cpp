// SPDX-License-Identifier: MIT
#include "kernels/vendor/cudnn.h"

#include <limits>
#include <map>

#include "core/error.h"
#include "kernels/current_device.h"
#include "kernels/vendor/dynamic_library.h"

namespace telescope::kernels::cudnn {
namespace {

struct Loaded {
  Functions functions;
  std::string trouble;
};

const Loaded& loaded() {
  static const Loaded all = [] {
    Loaded result;
    DynamicLibrary library("libcudnn.so." + std::to_string(CUDNN_MAJOR), TELESCOPE_VENDOR_FOLDER);
#define TELESCOPE_FIND(name) library.find(#name, result.functions.name);
    TELESCOPE_CUDNN_FUNCTIONS(TELESCOPE_FIND)
#undef TELESCOPE_FIND
    if (!library.trouble().empty()) result.trouble = "cuDNN " + library.trouble();
    return result;
  }();
  return all;
}

bool refusal(cudnnStatus_t status) {
  return status >= CUDNN_STATUS_BAD_PARAM && status < CUDNN_STATUS_INTERNAL_ERROR;
}

}  // namespace

const Functions& functions() { return loaded().functions; }
const std::string& trouble() { return loaded().trouble; }

std::string version() {
  if (!trouble().empty()) return {};
  const std::size_t v = functions().cudnnGetVersion();
  return fmt::format("{}.{}.{}", v / 10000, v / 100 % 100, v % 100);
}

cudnnHandle_t handle(const Stream& stream) {
  // Never destroyed: when a thread ends, the driver may have ended before it.
  thread_local std::map<int, cudnnHandle_t> handles;
  cudnnHandle_t& mine = handles[stream.device().index];
  if (!mine) check(functions().cudnnCreate(&mine), "cudnn", "a handle");
  check(functions().cudnnSetStream(mine, static_cast<cudaStream_t>(stream.native())), "cudnn",
        "a stream");
  return mine;
}

void check(cudnnStatus_t status, std::string_view operation, const std::string& what) {
  if (status == CUDNN_STATUS_SUCCESS) return;
  char last[512] = "";
  functions().cudnnGetLastErrorString(last, sizeof last);
  const char* const name = functions().cudnnGetErrorString(status);
  const std::string more = last[0] ? fmt::format(" ({})", last) : std::string();
  if (refusal(status)) raise(operation, "cuDNN refuses {}: {}{}", what, name, more);
  raise_failure(operation, "cuDNN failed with {}: {}{}", what, name, more);
}

int extent(std::int64_t n, std::string_view operation, const std::string& what) {
  TELESCOPE_CHECK(n <= std::numeric_limits<int>::max(), operation,
                  "cuDNN refuses {}: it counts to {}", what, std::numeric_limits<int>::max());
  return static_cast<int>(n);
}

Tensor4d tensor4d(int n, int h, int w, int c, std::string_view operation, const std::string& what) {
  const Functions& f = functions();
  Tensor4d made = created(f.cudnnCreateTensorDescriptor, f.cudnnDestroyTensorDescriptor);
  check(f.cudnnSetTensor4dDescriptor(made.get(), CUDNN_TENSOR_NHWC, CUDNN_DATA_FLOAT, n, c, h, w),
        operation, what);
  return made;
}

}  // namespace telescope::kernels::cudnn
