// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/parallel.h"

namespace telescope::kernels::cpu {

/// Output channels [first, first + count) of a convolution.
struct Channels {
  std::int64_t first, count;
};

/// Calls f(channels) on groups of k channels, each on a thread of its own: as many groups as keep
/// those threads busy for which `pieces` pieces of other work are too few. Where that is one, f runs
/// alone, and may use all threads.
template <class F>
void for_idle_threads(std::int64_t pieces, std::int64_t k, const F& f) {
  constexpr std::int64_t fewest = 16;  // channels worth a thread
  const std::int64_t idle = thread_count() / std::max<std::int64_t>(pieces, 1);
  const std::int64_t most = std::max<std::int64_t>(k / fewest, 1);
  const std::int64_t groups = std::clamp<std::int64_t>(idle, 1, most);
  const auto cut = [=](std::int64_t i) { return i == groups ? k : k * i / groups / 16 * 16; };
  parallel_for(groups, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) f(Channels{cut(i), cut(i + 1) - cut(i)});
  });
}

}  // namespace telescope::kernels::cpu
