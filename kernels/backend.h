// SPDX-License-Identifier: MIT
// Whose code computes an operation: ours, or the library of the machine's vendor.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/device.h"

namespace telescope::kernels {

/// automatic   ours
/// native      ours
/// vendor      oneDNN on the CPU, cuDNN and cuBLASLt on CUDA devices, for the operations they have:
///             conv2d, matmul and softmax, in f32. Everything else is ours all the same: a library's
///             layer norm goes back from its input, which is not kept here, and none of those linked
///             against has the other operations as one call.
/// A vendor's call is as exact as precision() says and the same from run to run on one machine, but
/// its order of summation, and so its last bits, may depend on the number of threads and on versions.
enum class Backend { automatic, native, vendor };
/// "auto", "native", "vendor".
std::string_view name_of(Backend backend);
/// The one of that name; Error that lists the names.
Backend parse_backend(std::string_view name);

/// What operations are computed by that are not told otherwise, in the whole process; automatic
/// unless set.
Backend backend();
void set_backend(Backend backend);

struct VendorLibrary {
  std::string name;        ///< "oneDNN"
  DeviceType device;       ///< it computes on
  std::string operations;  ///< "conv2d, matmul"
  std::string version;     ///< "" if it cannot be used
  std::string trouble;     ///< why it cannot: "this build has no oneDNN 2 (libdnnl-dev)"
};
/// All that there are, those that this build or this machine lacks too.
std::vector<VendorLibrary> vendor_libraries();

/// Whether a vendor's library has the operation ("conv2d", "matmul", "softmax") on the device, and
/// can be used here.
bool vendor_available(std::string_view operation, const Device& device);
/// Error in words if `backend` is the vendor's and the device has no library that can be used.
void check_backend(Backend backend, const Device& device);

}  // namespace telescope::kernels
