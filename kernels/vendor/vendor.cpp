// SPDX-License-Identifier: MIT
#include "kernels/vendor/vendor.h"

#include <algorithm>
#include <atomic>

#include "core/error.h"
#ifdef TELESCOPE_WITH_ONEDNN
#include "kernels/vendor/onednn.h"
#endif
#ifdef TELESCOPE_WITH_CUDNN
#include "kernels/vendor/cudnn.h"
#endif
#ifdef TELESCOPE_WITH_CUBLASLT
#include "kernels/vendor/cublaslt.h"
#endif

namespace telescope::kernels {
namespace {

std::atomic<Backend> current{Backend::automatic};
#ifdef TELESCOPE_CUDA
[[maybe_unused]] constexpr const char* no_cudnn = "this build has no cuDNN 9 (cudnn.h)";
[[maybe_unused]] constexpr const char* no_cublaslt = "this build has no cuBLASLt (cublasLt.h)";
#else
constexpr const char *no_cudnn = "this build is without CUDA", *no_cublaslt = no_cudnn;
#endif

constexpr Backend backends[] = {Backend::automatic, Backend::native, Backend::vendor};

VendorLibrary onednn_library() {
  VendorLibrary library{"oneDNN", DeviceType::cpu, {}, {}, {}};
#ifdef TELESCOPE_WITH_ONEDNN
  library.version = onednn::version();
#else
  library.trouble = "this build has no oneDNN 2 (libdnnl-dev)";
#endif
  return library;
}

VendorLibrary cudnn_library() {
  VendorLibrary library{"cuDNN", DeviceType::cuda, {}, {}, {}};
#ifdef TELESCOPE_WITH_CUDNN
  library.version = cudnn::version();
  library.trouble = cudnn::trouble();
#else
  library.trouble = no_cudnn;
#endif
  return library;
}

VendorLibrary cublaslt_library() {
  VendorLibrary library{"cuBLASLt", DeviceType::cuda, {}, {}, {}};
#ifdef TELESCOPE_WITH_CUBLASLT
  library.version = cublaslt::version();
  library.trouble = cublaslt::trouble();
#else
  library.trouble = no_cublaslt;
#endif
  return library;
}

VendorLibrary library_of(Vendor vendor) {
  VendorLibrary library = vendor == Vendor::onednn  ? onednn_library()
                          : vendor == Vendor::cudnn ? cudnn_library()
                                                    : cublaslt_library();
  for (const VendorOperation& known : vendor_operations) {
    if (known.vendor != vendor) continue;
    library.operations += (library.operations.empty() ? "" : ", ") + std::string(known.name);
  }
  return library;
}

// Looked up once, and not before it is asked for: this is on the way of every call.
const std::string& trouble_of(Vendor vendor) {
  if (vendor == Vendor::onednn) {
    static const std::string onednn = onednn_library().trouble;
    return onednn;
  }
  if (vendor == Vendor::cudnn) {
    static const std::string cudnn = cudnn_library().trouble;
    return cudnn;
  }
  static const std::string cublaslt = cublaslt_library().trouble;
  return cublaslt;
}

}  // namespace

std::string_view name_of(Backend backend) {
  switch (backend) {
    case Backend::automatic:
      return "auto";
    case Backend::native:
      return "native";
    case Backend::vendor:
      return "vendor";
  }
  return "?";
}

Backend parse_backend(std::string_view name) {
  for (const Backend known : backends) {
    if (name == name_of(known)) return known;
  }
  raise("backend", "expected auto, native or vendor, got '{}'", name);
}

Backend backend() { return current; }
void set_backend(Backend backend) { current = backend; }

std::vector<VendorLibrary> vendor_libraries() {
  return {library_of(Vendor::onednn), library_of(Vendor::cudnn), library_of(Vendor::cublaslt)};
}

bool vendor_available(std::string_view operation, const Device& device) {
  const Vendor vendor = vendor_of(operation, device.type);
  return vendor != Vendor::none && trouble_of(vendor).empty();
}

void check_backend(Backend backend, const Device& device) {
  if (backend != Backend::vendor) return;
  std::string troubles;
  for (const VendorLibrary& library : vendor_libraries()) {
    if (library.device != device.type) continue;
    if (library.trouble.empty()) return;
    troubles += (troubles.empty() ? "" : "; ") + library.trouble;
  }
  TELESCOPE_CHECK(!troubles.empty(), "backend", "{} has no vendor's library", device.str());
  raise("backend", "{}", troubles);
}

bool goes_to_vendor(Backend backend, std::string_view operation, const Device& device,
                    DType dtype) {
  if (backend != Backend::vendor) return false;
  const Vendor vendor = vendor_of(operation, device.type);
  TELESCOPE_CHECK(vendor != Vendor::none, operation, "{} has no vendor's library", device.str());
  TELESCOPE_CHECK(dtype == DType::f32, operation, "the vendor's is for f32, got {}",
                  telescope::name_of(dtype));
  const std::string& trouble = trouble_of(vendor);
  TELESCOPE_CHECK(trouble.empty(), operation, "{}", trouble);
  return true;
}

}  // namespace telescope::kernels
