// SPDX-License-Identifier: MIT
#include "apps/signals.h"

#include <doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

using namespace telescope::app;

namespace {
// How a child process that runs f ended: its exit code, or minus the signal that killed it.
template <class F>
int end_of(F f) {
  const pid_t child = fork();
  if (child == 0) {
    close(STDERR_FILENO);
    std::signal(SIGINT, SIG_DFL);  // not doctest's
    std::signal(SIGTERM, SIG_DFL);
    _exit(f());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}
}  // namespace

TEST_CASE("the first signal asks, for both signals, and the exit code tells which") {
  for (const int signal : {SIGINT, SIGTERM}) {
    const SignalGuard guard;
    CHECK(stop_requested() == 0);
    raise(signal);
    CHECK(stop_requested() == signal);
  }
  CHECK(exit_code_of(SIGINT) == 130);
  CHECK(exit_code_of(SIGTERM) == 143);
}

TEST_CASE("the second signal kills, whichever it is") {
  for (const int first : {SIGINT, SIGTERM}) {
    for (const int second : {SIGINT, SIGTERM}) {
      CHECK(end_of([=] {
              const SignalGuard guard;
              raise(first);
              if (stop_requested() != first) return 1;
              raise(second);
              return 2;
            }) == -second);
    }
  }
}

TEST_CASE("a guard leaves nothing behind") {
  CHECK(end_of([] {
          { const SignalGuard guard; }
          raise(SIGTERM);
          return 1;
        }) == -SIGTERM);
  CHECK(end_of([] {
          {
            const SignalGuard guard;
            raise(SIGINT);
          }
          const SignalGuard again;
          return stop_requested();
        }) == 0);
}
