// SPDX-License-Identifier: MIT
// Named scopes of time, and counters of floating-point operations and bytes.
#pragma once

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

/// Times what happens until the end of the block under a path made of the enclosing scopes:
///   Scope scope("mesh2");  { Scope forward("forward"); ... }      // "mesh2/forward"
/// Costs one branch while profiling is off. An operation passes what it computes and moves.
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
  std::string_view name_, outer_;
  std::size_t outer_length_ = 0;
  double start_ = 0;
  Work start_work_;
  bool timed_ = false;
};

struct ScopeTotal {
  std::string path;
  std::int64_t calls = 0;
  double seconds = 0;
  Work work;
};
/// Turns timing on or off for all threads.
void set_profiling(bool on);
/// Totals by path, in order of first appearance; includes the scopes inside.
std::vector<ScopeTotal> profile_totals();
void reset_profile();

/// Seconds of a steady clock.
double now_seconds();

}  // namespace telescope
