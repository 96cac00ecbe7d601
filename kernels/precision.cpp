// SPDX-License-Identifier: MIT
#include "kernels/precision.h"

#include <atomic>

#include "core/error.h"

namespace telescope::kernels {
namespace {
std::atomic<Precision> current{Precision::tf32};
}  // namespace

std::string_view name_of(Precision precision) {
  switch (precision) {
    case Precision::fp32:
      return "fp32";
    case Precision::tf32:
      return "tf32";
    case Precision::bf16:
      return "bf16";
  }
  return "?";
}

Precision parse_precision(std::string_view name) {
  for (const Precision p : {Precision::fp32, Precision::tf32, Precision::bf16}) {
    if (name == name_of(p)) return p;
  }
  raise("precision", "expected fp32, tf32 or bf16, got '{}'", name);
}

Precision precision() { return current; }
void set_precision(Precision precision) { current = precision; }

DType activation_type(DType dtype, const Device& device) {
  const bool narrow = precision() == Precision::bf16 && dtype == DType::f32 && !device.is_cpu();
  return narrow ? DType::bf16 : dtype;
}

}  // namespace telescope::kernels
