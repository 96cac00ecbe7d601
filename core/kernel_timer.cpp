// SPDX-License-Identifier: MIT
#include "core/kernel_timer.h"

#include <fmt/core.h>

#include <array>

#include "core/profile_registry.h"

namespace telescope {
namespace {

// Marks that wait at most: beyond, the devices are asked in between.
constexpr std::size_t kMostPending = 1 << 14;

std::array<DeviceClock, 3>& clocks() {
  static std::array<DeviceClock, 3> all{};  // of DeviceType
  return all;
}

const DeviceClock* clock_of(const Stream& stream) {
  const DeviceClock& clock = clocks()[static_cast<std::size_t>(stream.device().type)];
  return clock.mark ? &clock : nullptr;
}

std::string name_of(const Stream& stream) {
  std::string name = stream.device().str();
  if (stream.native()) name += fmt::format(" stream {}", stream.native());
  return name;
}

// The stream's clock against the host's; taken once, because it waits.
void set_origin(detail::ProfileRegistry& all, std::size_t track, const DeviceClock& clock,
                const Stream& stream) {
  if (all.origins.contains(track)) return;
  void* mark = clock.mark(stream);
  if (!mark) return;
  (void)clock.seconds_between(mark, mark);
  all.origins[track] = {&clock, mark, now_seconds()};
}

}  // namespace

void register_device_clock(DeviceType type, const DeviceClock& clock) {
  clocks()[static_cast<std::size_t>(type)] = clock;
}

namespace detail {

void ProfileRegistry::resolve() {
  for (const PendingLaunch& launch : pending) {
    const double seconds = launch.clock->seconds_between(launch.start, launch.stop);
    if (seconds >= 0) {
      ++rows[launch.scope].calls;
      rows[launch.scope].seconds += seconds;
      rows[launch.scope].self_seconds += seconds;
      const auto origin = origins.find(launch.track);
      if (origin != origins.end()) {
        const double start = origin->second.seconds +
                             launch.clock->seconds_between(origin->second.mark, launch.start);
        add_event({launch.scope, launch.track, start, start + seconds, {}});
      }
    }
    launch.clock->release(launch.start);
    launch.clock->release(launch.stop);
  }
  pending.clear();
}

void ProfileRegistry::clear() {
  for (const PendingLaunch& launch : pending) {
    launch.clock->release(launch.start);
    launch.clock->release(launch.stop);
  }
  for (const auto& [track, origin] : origins) origin.clock->release(origin.mark);
  pending.clear();
  origins.clear();
  rows.clear();
  index.clear();
  recorded = {};
}

}  // namespace detail

void KernelTimer::start() {
  if (const DeviceClock* clock = clock_of(stream_)) {
    {
      auto& all = detail::profile_registry();
      const std::lock_guard lock(all.mutex);
      set_origin(all, all.track_of(name_of(stream_)), *clock, stream_);
    }
    mark_ = clock->mark(stream_);
    timed_ = mark_ != nullptr;
  } else {
    timed_ = true;
    start_ = now_seconds();
  }
}

void KernelTimer::stop() {
  const double end = now_seconds();
  const DeviceClock* clock = mark_ ? clock_of(stream_) : nullptr;
  void* mark = clock ? clock->mark(stream_) : nullptr;
  if (clock && !mark) return clock->release(mark_);

  std::string path = detail::profile_path();
  if (!path.empty()) path += '/';
  path += kernel_;
  auto& all = detail::profile_registry();
  const std::lock_guard lock(all.mutex);
  const std::size_t index = all.row_of(path, true), track = all.track_of(name_of(stream_));
  if (clock) {
    all.pending.push_back({index, track, clock, mark_, mark});
    if (all.pending.size() >= kMostPending) all.resolve();
    return;
  }
  const double seconds = end - start_;
  ScopeTotal& row = all.rows[index];
  ++row.calls;
  row.seconds += seconds;
  row.self_seconds += seconds;
  all.add_event({index, track, start_, end, {}});
  if (Scope* outer = detail::innermost_timed_scope()) outer->inner_seconds_ += seconds;
}

}  // namespace telescope
