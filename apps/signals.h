// SPDX-License-Identifier: MIT
// Ctrl-C and SIGTERM ask a run to stop between two steps; asked twice, it stops at once.
#pragma once

namespace telescope::app {

/// While one lives, the first SIGINT or SIGTERM only sets what stop_requested() returns; the next
/// one ends the process as if there were no guard. The destructor brings back what was before.
class SignalGuard {
 public:
  SignalGuard();
  ~SignalGuard();
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;
};

/// The signal that asked to stop (SIGINT or SIGTERM), 0 if none did. Costs a load.
int stop_requested();
/// What a program that `signal` stopped exits with: 130 after SIGINT, 143 after SIGTERM.
constexpr int exit_code_of(int signal) { return 128 + signal; }

}  // namespace telescope::app
