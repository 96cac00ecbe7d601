// SPDX-License-Identifier: MIT
#include "apps/signals.h"

#include <unistd.h>

#include <csignal>

namespace telescope::app {
namespace {

volatile std::sig_atomic_t g_stop = 0;
struct sigaction g_before_interrupt, g_before_terminate;

// Calls only what a signal handler may call.
void handle(int signal) {
  if (g_stop != 0) {
    std::signal(signal, SIG_DFL);
    static_cast<void>(raise(signal));
    return;
  }
  g_stop = signal;
  static constexpr char kText[] = "\nstopping after this step; once more stops at once\n";
  if (isatty(STDERR_FILENO) == 1) {
    [[maybe_unused]] const auto ignored = write(STDERR_FILENO, kText, sizeof kText - 1);
  }
}

}  // namespace

SignalGuard::SignalGuard() {
  g_stop = 0;
  struct sigaction action = {};
  action.sa_handler = handle;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;  // a read or write under way goes on
  sigaction(SIGINT, &action, &g_before_interrupt);
  sigaction(SIGTERM, &action, &g_before_terminate);
}

SignalGuard::~SignalGuard() {
  sigaction(SIGINT, &g_before_interrupt, nullptr);
  sigaction(SIGTERM, &g_before_terminate, nullptr);
}

int stop_requested() { return g_stop; }

}  // namespace telescope::app
