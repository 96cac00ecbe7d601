// SPDX-License-Identifier: MIT
// What group norm on the CPU knows of each channel of one sample.
#pragma once

#include <cstdint>

namespace telescope::kernels {

/// Every pointer is to [channels].
///   forward    z  = (x - centre) slope + offset
///   backward   dx = dz slope + (x - centre) curve + shift
/// `centre` is the mean rounded to T; what rounding cuts off goes into offset and shift.
template <class T>
struct ChannelFactors {
  T *centre, *slope, *offset, *curve, *shift;

  static constexpr std::int64_t arrays = 5;
  ChannelFactors(T* memory, std::int64_t channels)
      : centre(memory),
        slope(memory + channels),
        offset(memory + 2 * channels),
        curve(memory + 3 * channels),
        shift(memory + 4 * channels) {}
};

}  // namespace telescope::kernels
