// SPDX-License-Identifier: MIT
// Inside the profiler: where scopes and launches are kept. For core/profile.cpp and
// core/kernel_timer.cpp alone.
#pragma once

#include <mutex>
#include <unordered_map>

#include "core/kernel_timer.h"

namespace telescope::detail {

/// A launch whose device has not been asked yet.
struct PendingLaunch {
  std::size_t scope = 0, track = 0;
  const DeviceClock* clock = nullptr;
  void* start = nullptr;
  void* stop = nullptr;
};
/// A mark of a stream and the host's time at which it was taken.
struct ClockOrigin {
  const DeviceClock* clock = nullptr;
  void* mark = nullptr;
  double seconds = 0;
};

/// Every function expects `mutex` to be held.
struct ProfileRegistry {
  std::mutex mutex;
  std::vector<ScopeTotal> rows;
  std::unordered_map<std::string, std::size_t> index;
  ProfileEvents recorded;
  std::size_t most_events = 0;
  std::vector<PendingLaunch> pending;
  std::unordered_map<std::size_t, ClockOrigin> origins;  // by track

  std::size_t row_of(const std::string& path, bool launch);
  std::size_t track_of(const std::string& stream);
  void add_event(const ProfileEvent& event);
  /// Asks the devices for the times of the launches so far.
  void resolve();
  void clear();
};
ProfileRegistry& profile_registry();

/// Of the timed scopes that are open on this thread.
std::string& profile_path();
Scope*& innermost_timed_scope();

}  // namespace telescope::detail
