// SPDX-License-Identifier: MIT
#include "core/profile.h"

#include <atomic>
#include <chrono>
#include <mutex>
#include <unordered_map>

namespace telescope {
namespace {

std::atomic<bool> profiling{false};
std::atomic<std::int64_t> total_flop{0}, total_bytes{0};

struct Totals {
  std::mutex mutex;
  std::vector<ScopeTotal> rows;
  std::unordered_map<std::string, std::size_t> index;
};
Totals& totals() {
  static Totals instance;
  return instance;
}

thread_local std::string path;            // of the timed scopes that are open
thread_local std::string_view innermost;  // name of the innermost scope

}  // namespace

Work work_done() { return {total_flop.load(), total_bytes.load()}; }

double now_seconds() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count();
}

Scope::Scope(std::string_view name, std::int64_t flop, std::int64_t bytes)
    : name_(name), outer_(innermost) {
  innermost = name;
  start_work_ = work_done();
  if (flop) total_flop.fetch_add(flop, std::memory_order_relaxed);
  if (bytes) total_bytes.fetch_add(bytes, std::memory_order_relaxed);
  timed_ = profiling.load(std::memory_order_relaxed);
  if (!timed_) return;
  outer_length_ = path.size();
  if (!path.empty()) path += '/';
  path += name;
  start_ = now_seconds();
}

Scope::~Scope() {
  innermost = outer_;
  if (!timed_) return;
  const double seconds = now_seconds() - start_;
  const Work work = work_done() - start_work_;
  {
    auto& all = totals();
    const std::lock_guard lock(all.mutex);
    const auto [entry, fresh] = all.index.try_emplace(path, all.rows.size());
    if (fresh) all.rows.push_back({path, 0, 0, {}});
    auto& row = all.rows[entry->second];
    ++row.calls;
    row.seconds += seconds;
    row.work.flop += work.flop;
    row.work.bytes += work.bytes;
  }
  path.resize(outer_length_);
}

std::string_view Scope::current() { return innermost; }

void set_profiling(bool on) { profiling = on; }

std::vector<ScopeTotal> profile_totals() {
  auto& all = totals();
  const std::lock_guard lock(all.mutex);
  return all.rows;
}

void reset_profile() {
  auto& all = totals();
  const std::lock_guard lock(all.mutex);
  all.rows.clear();
  all.index.clear();
}

}  // namespace telescope
