// SPDX-License-Identifier: MIT
// How long the work of a device takes, without what the host spends on starting it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/event.h"
#include "core/graph.h"
#include "core/profile.h"

namespace telescope::bench {

struct Timing {
  double seconds = 0, least = 0,
         most = 0;                     ///< of one call: the median of the rounds, and its spread
  std::int64_t calls = 0, rounds = 0;  ///< calls in a round
  bool graph = false;                  ///< whether a round was one graph
};

/// Times rounds of `calls` calls of f between two events, after two calls to warm up; on devices that
/// have graphs a round is recorded and replayed, where f can be. Caches are warm. At least one round,
/// and until `seconds` have passed.
inline Timing time_of(const Device& device, std::int64_t calls, double seconds,
                      const std::function<void()>& f) {
  const Stream stream = Stream::current(device);
  for (int i = 0; i < 2; ++i) f();
  const auto round = [&] {
    for (std::int64_t i = 0; i < calls; ++i) f();
  };
  std::unique_ptr<Graph> graph;
  if (Graph::supported(device)) {
    try {
      graph = std::make_unique<Graph>(device, round);
      graph->replay();
    } catch (const Error&) {  // it copies from the host: an optimizer's step does
      graph.reset();
    }
  }
  stream.synchronize();
  std::vector<double> rounds;
  const double end = now_seconds() + seconds;
  do {
    Event from, to;
    from.record(stream);
    graph ? graph->replay() : round();
    to.record(stream);
    rounds.push_back(seconds_between(from, to) / static_cast<double>(calls));
  } while (now_seconds() < end && rounds.size() < 100);
  std::sort(rounds.begin(), rounds.end());
  return {rounds[rounds.size() / 2],
          rounds.front(),
          rounds.back(),
          calls,
          static_cast<std::int64_t>(rounds.size()),
          graph != nullptr};
}

/// "NVIDIA H200".
inline std::string name_of_device(const Device& device) {
  for (const DeviceInfo& info : devices()) {
    if (info.device == device) return info.name;
  }
  return device.str();
}

}  // namespace telescope::bench
