// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace telescope::kernels {

/// The instruction set the CPU kernels run on, on this machine: "AVX3" (AVX-512), "AVX2", "NEON".
std::string_view instruction_set();

}  // namespace telescope::kernels
