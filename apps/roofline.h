// SPDX-License-Identifier: MIT
// How fast a device could be: measured, not looked up.
#pragma once

#include <optional>
#include <string>

#include "core/device.h"
#include "core/profile.h"

namespace telescope::app {

/// Work with FLOP and bytes takes at least max(flop / peak, bytes / bandwidth) seconds, if every
/// byte comes from memory and every FLOP of the definition is done.
struct Roofline {
  double flop_per_second = 0;   ///< f32 multiply-adds in registers, on all units
  double bytes_per_second = 0;  ///< of a copy beyond the caches, read and written bytes together
  double seconds(const Work& work) const;
  /// Whether memory, not arithmetic, is what bounds it.
  bool bound_by_memory(const Work& work) const;
};

/// Takes about half a second. Nothing for a simulator, whose speed says nothing of a device, and for
/// a device without probe kernels.
std::optional<Roofline> measure_roofline(Device device);

}  // namespace telescope::app
