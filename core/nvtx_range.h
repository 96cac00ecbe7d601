// SPDX-License-Identifier: MIT
// Ranges for Nsight. Nothing at all where the program is built without CUDA, and one branch where no
// tool listens.
#pragma once

#include <string_view>

#ifdef TELESCOPE_CUDA
#include <nvtx3/nvToolsExt.h>

#include <algorithm>
#include <iterator>
#endif

namespace telescope {

#ifdef TELESCOPE_CUDA

/// Whether a tool was attached when this was first asked: it cannot come later.
inline bool nvtx_listens() {
  static const bool listens = [] {
    const bool heard = nvtxRangePushA("telescope") != NVTX_NO_PUSH_POP_TRACKING;
    if (heard) nvtxRangePop();
    return heard;
  }();
  return listens;
}
inline void nvtx_push(std::string_view name) {
  char text[64] = {};  // NVTX wants a zero at the end, and copies
  const std::size_t length = std::min(name.size(), std::size(text) - 1);
  std::copy_n(name.data(), length, text);
  nvtxRangePushA(text);
}
inline void nvtx_pop() { nvtxRangePop(); }

#else

constexpr bool nvtx_listens() { return false; }
inline void nvtx_push(std::string_view) {}
inline void nvtx_pop() {}

#endif

}  // namespace telescope
