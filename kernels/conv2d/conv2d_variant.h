// SPDX-License-Identifier: MIT
// The ways there are to compute a convolution, from the plainest to the fastest, and which are where.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "core/device.h"
#include "core/dtype.h"
#include "kernels/precision.h"

namespace telescope::kernels {

struct Conv2dShape;

/// automatic      the one expected to be fastest for the device, the shape and the precision
/// on the CPU:
/// direct         the products as written, vectorised: exact for whole numbers
/// winograd       F(4x4, 3x3): 36 multiplications for 144; where sums are over up to 15 channels,
///                forward or input gradient, F(4, 3) along rows: 18 for 36; f32, 3 x 3, stride 1; an
///                error of about 8e-7 of the norm of the result
/// on cuda and cuda-sim, each file a step up from the one before:
/// naive          one thread for each element of the result
/// tiled          tiles of the image and of the weights in shared memory, shared by a block
/// implicit_gemm  a matrix product whose left matrix is never stored; f32 throughout
/// tensor_core    the same on tensor cores, factors rounded to tf32 (or stored as bf16)
enum class Conv2dVariant { automatic, direct, winograd, naive, tiled, implicit_gemm, tensor_core };

struct Conv2dVariantName {
  Conv2dVariant variant;
  std::string_view name;
  bool on_cpu, on_gpu;  ///< the GPU or its simulator
};
/// All of them, in the order above.
std::span<const Conv2dVariantName> conv2d_variants();

std::string_view name_of(Conv2dVariant variant);
/// The one of that name; Error that lists the names.
Conv2dVariant parse_conv2d_variant(std::string_view name);
bool runs_on(Conv2dVariant variant, const Device& device);
/// Whether it computes as exactly as the precision asks for.
bool allowed(Conv2dVariant variant, Precision precision);
/// "direct, winograd": those that run on a device, `automatic` left out.
std::string conv2d_variants_of(const Device& device);

/// What layers ask for, in the whole process; automatic unless set.
Conv2dVariant conv2d_variant();
void set_conv2d_variant(Conv2dVariant variant);
/// The same for one convolution: automatic where its shape or element type does not have the variant,
/// so that a whole network can be asked to use it.
Conv2dVariant conv2d_variant_for(const Conv2dShape& shape, DType dtype);

/// Error in words if the device, the element type, the shape or the process's precision does not
/// have the variant.
void check_conv2d_variant(Conv2dVariant variant, const Device& device, const Conv2dShape& shape,
                          DType dtype);

}  // namespace telescope::kernels
