// SPDX-License-Identifier: MIT
// What group norm on the CPU knows of each channel of one sample.
#pragma once

#include <cstdint>

namespace telescope::kernels {

/// Every pointer is to [channels].
///   forward    y  = (x - centre) slope + offset
///   backward   dx = dy slope + (x - centre) curve + offset
/// `centre` is the mean rounded to T; what rounding cuts off goes into the offset.
template <class T>
struct ChannelFactors {
  T *centre, *slope, *offset, *curve;

  static constexpr std::int64_t arrays = 4;
  ChannelFactors(T* memory, std::int64_t channels)
      : centre(memory),
        slope(memory + channels),
        offset(memory + 2 * channels),
        curve(memory + 3 * channels) {}
};

}  // namespace telescope::kernels
