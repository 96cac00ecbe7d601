// SPDX-License-Identifier: MIT
// Where a call to an operation leaves for a vendor's library: which libraries there are, which this
// build has, and the dispatch to f_vendor_cpu.cpp and f_vendor_cuda.cpp.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>

#include "core/dtype.h"
#include "kernels/backend.h"

namespace telescope::kernels {

enum class Vendor { none, onednn, cudnn, cublaslt };

struct VendorOperation {
  std::string_view name;
  DeviceType device;
  Vendor vendor;
};
inline constexpr VendorOperation vendor_operations[] = {
    {"conv2d", DeviceType::cpu, Vendor::onednn},  {"matmul", DeviceType::cpu, Vendor::onednn},
    {"softmax", DeviceType::cpu, Vendor::onednn}, {"conv2d", DeviceType::cuda, Vendor::cudnn},
    {"softmax", DeviceType::cuda, Vendor::cudnn}, {"matmul", DeviceType::cuda, Vendor::cublaslt},
};
constexpr Vendor vendor_of(std::string_view operation, DeviceType device) {
  for (const VendorOperation& known : vendor_operations) {
    if (known.name == operation && known.device == device) return known.vendor;
  }
  return Vendor::none;
}

/// Whether this build was made with the library (which may be missing on the machine all the same).
constexpr bool in_build(Vendor vendor) {
  switch (vendor) {
    case Vendor::none:
      return false;
    case Vendor::onednn:
#ifdef TELESCOPE_WITH_ONEDNN
      return true;
#else
      return false;
#endif
    case Vendor::cudnn:
#ifdef TELESCOPE_WITH_CUDNN
      return true;
#else
      return false;
#endif
    case Vendor::cublaslt:
#ifdef TELESCOPE_WITH_CUBLASLT
      return true;
#else
      return false;
#endif
  }
  return false;
}

/// Whether `backend` sends a call to the vendor. Error that says why if it cannot be had: the device,
/// the element type, the build or the machine lacks it.
bool goes_to_vendor(Backend backend, std::string_view operation, const Device& device, DType dtype);

}  // namespace telescope::kernels

/// Declares functions of the same name and arguments in vendor_cpu:: and vendor_cuda::.
#define TELESCOPE_ON_EVERY_VENDOR(...) \
  namespace vendor_cpu {               \
  __VA_ARGS__                          \
  }                                    \
  namespace vendor_cuda {              \
  __VA_ARGS__                          \
  }

/// In a function template over the element type T, before TELESCOPE_DISPATCH: calls the vendor's
/// `function` and returns where `backend` says so.
///   TELESCOPE_VENDOR(by, "softmax", stream, softmax, rows, columns, x, y);
#define TELESCOPE_VENDOR(backend, operation, stream, function, ...)                           \
  do {                                                                                        \
    using telescope::kernels::in_build, telescope::kernels::vendor_of;                        \
    if (goes_to_vendor(backend, operation, (stream).device(), ::telescope::dtype_of<T>)) {    \
      if constexpr (std::is_same_v<T, float>) {                                               \
        if constexpr (in_build(vendor_of(operation, ::telescope::DeviceType::cpu))) {         \
          if ((stream).device().is_cpu()) return vendor_cpu::function(stream, __VA_ARGS__);   \
        }                                                                                     \
        if constexpr (in_build(vendor_of(operation, ::telescope::DeviceType::cuda))) {        \
          if (!(stream).device().is_cpu()) return vendor_cuda::function(stream, __VA_ARGS__); \
        }                                                                                     \
      }                                                                                       \
    }                                                                                         \
  } while (false)
