// SPDX-License-Identifier: MIT
// How fast a device could be: measured, not looked up.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "core/device.h"
#include "core/profile.h"
#include "kernels/precision.h"

namespace telescope::app {

/// Work with FLOP and bytes takes at least max(flop / peak, bytes / bandwidth) seconds, if every
/// byte comes from memory and every FLOP of the definition is done.
struct Roofline {
  double flop_per_second = 0;   ///< f32 multiply-adds in registers, on all units
  double bytes_per_second = 0;  ///< of a copy beyond the caches, read and written bytes together
  /// Products with factors in tf32 and bf16 on tensor cores, by mma.sync; 0 without tensor cores.
  double tf32_flop_per_second = 0, bf16_flop_per_second = 0;
  /// What factors may be rounded to: with tf32 or bf16, tensor cores are the peak.
  kernels::Precision precision = kernels::Precision::fp32;

  double peak() const;  ///< FLOP/s at `precision`
  double seconds(const Work& work) const;
  /// Whether memory, not arithmetic, is what bounds it.
  bool bound_by_memory(const Work& work) const;
};

/// Takes about half a second, on a GPU a whole one. Nothing for a simulator, whose speed says nothing
/// of a device. `precision` is the caller's to set.
std::optional<Roofline> measure_roofline(Device device);
/// "145 GFLOP/s of f32 multiply-adds, 17.8 GB/s of a copy".
std::string describe(const Roofline& roofline);
nlohmann::ordered_json to_json(const Roofline& roofline);

}  // namespace telescope::app
