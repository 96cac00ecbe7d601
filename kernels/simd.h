// SPDX-License-Identifier: MIT
// Kernels that pick their instruction set while running, with Google Highway.
//
// A file `f_cpu.cpp` opens with
//
//   #undef HWY_TARGET_INCLUDE
//   #define HWY_TARGET_INCLUDE "kernels/f/f_cpu.cpp"
//   #include <hwy/foreach_target.h>  // compiles this file once per instruction set
//   #include <hwy/highway.h>
//   #include "kernels/simd.h"
//
// then has, between HWY_BEFORE_NAMESPACE and HWY_AFTER_NAMESPACE in namespace
// telescope::kernels::HWY_NAMESPACE, functions or templates that work on a range of the data: with
// Highway's vectors, or as plain loops that the compiler vectorises for each instruction set. Then,
// inside #if HWY_ONCE in namespace telescope::kernels, TELESCOPE_SIMD(range_function<T>)(arguments)
// calls the best one this machine has. (HWY_EXPORT does the same for functions, not for templates.)
#pragma once

#include <hwy/highway.h>

#include <cstddef>

namespace telescope::kernels {

/// Row of the dispatch tables for this machine; asks the processor on the first call.
inline std::size_t simd_row() {
  auto& chosen = hwy::GetChosenTarget();
  if (chosen.GetIndex() == 0) chosen.Update(hwy::SupportedTargets());
  return chosen.GetIndex();
}

}  // namespace telescope::kernels

#undef TELESCOPE_SIMD
#ifdef HWY_CHOOSE_TARGET_LIST
#define TELESCOPE_SIMD(function)                                                           \
  ([] {                                                                                    \
    static constexpr decltype(&HWY_STATIC_DISPATCH(                                        \
        function)) table[HWY_MAX_DYNAMIC_TARGETS + 2] = {&HWY_STATIC_DISPATCH(function),   \
                                                         HWY_CHOOSE_TARGET_LIST(function), \
                                                         HWY_CHOOSE_FALLBACK(function)};   \
    return table[::telescope::kernels::simd_row()];                                        \
  }())
#else
#define TELESCOPE_SIMD(function) (&HWY_STATIC_DISPATCH(function))
#endif
