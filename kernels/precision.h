// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

#include "core/device.h"
#include "core/dtype.h"

namespace telescope::kernels {

/// How exact products on a GPU are, and how activations are stored there. Sums, parameters, their
/// gradients, statistics and losses are f32 in all three.
///   fp32   f32 factors
///   tf32   convolutions and matrix products may round their factors to tf32 (10 bits of mantissa),
///          which tensor cores multiply: an error of about 3e-4 of the norm of the result
///   bf16   convolutions take images and weights rounded to bf16 (7 bits) and store their results so,
///          half the bytes: an error of about 2e-3 of the norm for each of the three. What works on
///          such activations keeps their type, and so do their gradients. Other products as in tf32.
/// The CPU computes in fp32 always.
enum class Precision { fp32, tf32, bf16 };
std::string_view name_of(Precision precision);
/// The one of that name; Error that lists the names.
Precision parse_precision(std::string_view name);

/// Of the whole process; tf32 unless set.
Precision precision();
void set_precision(Precision precision);

/// What a convolution of images of type `dtype` stores its result as: bf16 for f32 on a GPU, or its
/// simulator, under Precision::bf16; `dtype` otherwise.
DType activation_type(DType dtype, const Device& device);

}  // namespace telescope::kernels
