// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace telescope::kernels {

/// How exact products on a GPU are. f32 tensors, f32 sums in all three.
///   fp32   f32 factors
///   tf32   convolutions and matrix products may round their factors to tf32 (10 bits of mantissa),
///          which tensor cores multiply: an error of about 3e-4 of the norm of the result
///   bf16   as tf32, and tensors that were stored as bf16 (7 bits) are multiplied as they are
/// The CPU computes in fp32 always.
enum class Precision { fp32, tf32, bf16 };
std::string_view name_of(Precision precision);
/// The one of that name; Error that lists the names.
Precision parse_precision(std::string_view name);

/// Of the whole process; tf32 unless set.
Precision precision();
void set_precision(Precision precision);

}  // namespace telescope::kernels
