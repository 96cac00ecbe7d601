// SPDX-License-Identifier: MIT
#include "core/profile.h"

#include <algorithm>
#include <atomic>
#include <chrono>

#include "core/nvtx_range.h"
#include "core/profile_registry.h"

namespace telescope {
namespace {

std::atomic<bool> profiling{false};
std::atomic<std::int64_t> total_flop{0}, total_bytes{0};

thread_local std::string path;
thread_local std::string_view innermost;  // name of the innermost scope
thread_local Scope* innermost_timed = nullptr;

int thread_number() {
  static std::atomic<int> threads{0};
  thread_local const int number = threads++;
  return number;
}

}  // namespace

namespace detail {

ProfileRegistry& profile_registry() {
  static ProfileRegistry instance;
  return instance;
}
std::string& profile_path() { return path; }
Scope*& innermost_timed_scope() { return innermost_timed; }

std::size_t ProfileRegistry::row_of(const std::string& name, bool launch) {
  const auto [entry, fresh] = index.try_emplace(name, rows.size());
  if (fresh) {
    rows.emplace_back();
    rows.back().path = name;
    rows.back().launch = launch;
  }
  return entry->second;
}

std::size_t ProfileRegistry::track_of(const std::string& stream) {
  const ProfileTrack track{stream.empty() ? thread_number() : 0, stream};
  auto& tracks = recorded.tracks;
  const auto at =
      static_cast<std::size_t>(std::find(tracks.begin(), tracks.end(), track) - tracks.begin());
  if (at == tracks.size()) tracks.push_back(track);
  return at;
}

void ProfileRegistry::add_event(const ProfileEvent& event) {
  if (recorded.events.size() < most_events) {
    recorded.events.push_back(event);
  } else if (most_events > 0) {
    ++recorded.dropped;
  }
}

}  // namespace detail

Work work_done() { return {total_flop.load(), total_bytes.load()}; }

void count_work(Work work) {
  total_flop.fetch_add(work.flop, std::memory_order_relaxed);
  total_bytes.fetch_add(work.bytes, std::memory_order_relaxed);
}

double now_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

Scope::Scope(std::string_view name, std::int64_t flop, std::int64_t bytes)
    : name_(name), outer_(innermost) {
  innermost = name;
  if (nvtx_listens()) [[unlikely]] {
    nvtx_push(name);
    ranged_ = true;
  }
  if (profiling_on()) [[unlikely]]
    open(flop, bytes);
  if (flop) total_flop.fetch_add(flop, std::memory_order_relaxed);
  if (bytes) total_bytes.fetch_add(bytes, std::memory_order_relaxed);
}

Scope::~Scope() {
  innermost = outer_;
  if (timed_) [[unlikely]]
    close();
  if (ranged_) [[unlikely]]
    nvtx_pop();
}

void Scope::open(std::int64_t flop, std::int64_t bytes) {
  own_ = {flop, bytes};
  start_work_ = work_done();
  outer_length_ = path.size();
  if (!path.empty()) path += '/';
  path += name_;
  timed_outer_ = innermost_timed;
  innermost_timed = this;
  timed_ = true;
  start_ = now_seconds();
}

void Scope::close() {
  const double end = now_seconds(), seconds = end - start_;
  const Work work = work_done() - start_work_;
  {
    auto& all = detail::profile_registry();
    const std::lock_guard lock(all.mutex);
    const std::size_t index = all.row_of(path, false);
    ScopeTotal& row = all.rows[index];
    ++row.calls;
    row.seconds += seconds;
    row.self_seconds += seconds - inner_seconds_;
    row.work.flop += work.flop;
    row.work.bytes += work.bytes;
    row.own.flop += own_.flop;
    row.own.bytes += own_.bytes;
    if (all.most_events > 0) all.add_event({index, all.track_of(""), start_, end, own_});
  }
  innermost_timed = timed_outer_;
  if (timed_outer_) timed_outer_->inner_seconds_ += seconds;
  path.resize(outer_length_);
}

std::string_view Scope::current() { return innermost; }

void set_profiling(bool on) { profiling = on; }
bool profiling_on() { return profiling.load(std::memory_order_relaxed); }

std::vector<ScopeTotal> profile_totals() {
  auto& all = detail::profile_registry();
  const std::lock_guard lock(all.mutex);
  all.resolve();
  return all.rows;
}

void reset_profile() {
  auto& all = detail::profile_registry();
  const std::lock_guard lock(all.mutex);
  all.clear();
}

void record_events(std::size_t most) {
  auto& all = detail::profile_registry();
  const std::lock_guard lock(all.mutex);
  all.most_events = most == 0 ? 0 : all.recorded.events.size() + most;
}

ProfileEvents profile_events() {
  auto& all = detail::profile_registry();
  const std::lock_guard lock(all.mutex);
  all.resolve();
  return all.recorded;
}

}  // namespace telescope
