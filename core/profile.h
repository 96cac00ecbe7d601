// SPDX-License-Identifier: MIT
// Named scopes of time, and counters of floating-point operations and bytes. Where the program was
// built with CUDA every scope is an NVTX range too, while Nsight or another such tool listens.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace telescope {

/// What all operations of this process have counted so far; always on.
struct Work {
  std::int64_t flop = 0, bytes = 0;
  friend Work operator-(Work a, Work b) { return {a.flop - b.flop, a.bytes - b.bytes}; }
};
Work work_done();
/// Adds to it: work of a replayed graph, which no scope sees.
void count_work(Work work);

/// Times what happens until the end of the block under a path made of the enclosing scopes:
///   Scope scope("mesh2");  { Scope forward("forward"); ... }      // "mesh2/forward"
/// Costs one branch while profiling is off. An operation passes what it computes and moves: the
/// FLOP of its definition, and the bytes that must be moved at least, every array once.
class Scope {
 public:
  explicit Scope(std::string_view name, std::int64_t flop = 0, std::int64_t bytes = 0);
  /// The name must live as long as the scope, and as long as the memory allocated in it (which
  /// remembers it): a literal, at least no temporary.
  template <class S>
  requires std::is_same_v<S, std::string>
  explicit Scope(S&& name, std::int64_t flop = 0, std::int64_t bytes = 0) = delete;
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;
  /// The innermost scope of this thread, "" outside all; known also while profiling is off.
  static std::string_view current();

 private:
  friend class KernelTimer;
  void open(std::int64_t flop, std::int64_t bytes);
  void close();

  std::string_view name_, outer_;
  Scope* timed_outer_ = nullptr;
  std::size_t outer_length_ = 0;
  double start_ = 0, inner_seconds_ = 0;
  Work start_work_, own_;
  bool timed_ = false, ranged_ = false;
};

struct ScopeTotal {
  std::string path;
  std::int64_t calls = 0;
  double seconds = 0;
  double self_seconds =
      0;      ///< without the scopes and launches inside that were timed on this thread
  Work work;  ///< of this process meanwhile
  Work own;   ///< passed to the scope itself
  /// A launch timed by KernelTimer: `seconds` are the device's.
  bool launch = false;
};
/// Turns timing on or off for all threads.
void set_profiling(bool on);
bool profiling_on();
/// Totals by path, in order of first appearance; includes the scopes inside. Waits for launches
/// that are timed by their device.
std::vector<ScopeTotal> profile_totals();
/// Forgets totals and events.
void reset_profile();

/// Where events happened: a thread of the host, numbered as they came, or a stream of a device.
struct ProfileTrack {
  int thread = 0;
  std::string stream;  ///< "" for the host, else "cuda:0 stream 1"
  friend bool operator==(const ProfileTrack&, const ProfileTrack&) = default;
};
/// One scope or launch, from `start` to `end` in now_seconds().
struct ProfileEvent {
  std::size_t scope = 0;  ///< in profile_totals()
  std::size_t track = 0;  ///< in ProfileEvents::tracks
  double start = 0, end = 0;
  Work own;
};
struct ProfileEvents {
  std::vector<ProfileEvent> events;  ///< in the order in which they ended or were read
  std::vector<ProfileTrack> tracks;
  std::int64_t dropped = 0;  ///< beyond the bound
};
/// Keeps the next `most` events while profiling is on, and counts those beyond; 0: keeps none.
void record_events(std::size_t most);
/// Waits like profile_totals().
ProfileEvents profile_events();

/// Seconds of a steady clock.
double now_seconds();

}  // namespace telescope
