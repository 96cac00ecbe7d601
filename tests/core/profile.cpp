// SPDX-License-Identifier: MIT
#include "core/profile.h"

#include <thread>
#include <type_traits>

#include "support/compare.h"

using namespace telescope;

namespace {
const ScopeTotal* find(const std::vector<ScopeTotal>& totals, std::string_view path) {
  for (const ScopeTotal& total : totals) {
    if (total.path == path) return &total;
  }
  return nullptr;
}
struct Profiling {
  Profiling() {
    reset_profile();
    set_profiling(true);
  }
  ~Profiling() {
    set_profiling(false);
    reset_profile();
  }
};
}  // namespace

TEST_CASE("without profiling nothing is kept but work and the innermost name") {
  const Work before = work_done();
  {
    const Scope outer("outer", 10, 20);
    CHECK(Scope::current() == "outer");
    {
      const Scope inner("inner", 1);
      CHECK(Scope::current() == "inner");
    }
    CHECK(Scope::current() == "outer");
  }
  CHECK(Scope::current() == "");
  const Work work = work_done() - before;
  CHECK(work.flop == 11);
  CHECK(work.bytes == 20);
  CHECK(profile_totals().empty());
}

TEST_CASE("totals are kept by path and include the scopes inside") {
  const Profiling profiling;
  for (int i = 0; i < 3; ++i) {
    const Scope mesh("mesh2");
    const Scope forward("forward", 5, 7);
    const Scope conv("conv2d", 100, 200);
  }
  { const Scope alone("forward", 1); }
  const auto totals = profile_totals();
  REQUIRE(totals.size() == 4);
  const ScopeTotal* conv = find(totals, "mesh2/forward/conv2d");
  const ScopeTotal* mesh = find(totals, "mesh2");
  REQUIRE(conv);
  REQUIRE(mesh);
  CHECK(conv->calls == 3);
  CHECK(conv->work.flop == 300);
  CHECK(conv->work.bytes == 600);
  CHECK(mesh->work.flop == 315);
  CHECK(mesh->work.bytes == 621);
  CHECK(mesh->seconds >= conv->seconds);
  CHECK(conv->seconds >= 0);
  REQUIRE(find(totals, "forward"));
  CHECK(find(totals, "forward")->work.flop == 1);
}

TEST_CASE("time is what passed") {
  const Profiling profiling;
  {
    const Scope scope("sleep");
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  const auto totals = profile_totals();
  REQUIRE(totals.size() == 1);
  CHECK(totals[0].seconds >= 0.019);
  CHECK(totals[0].seconds < 5);
}

TEST_CASE("threads have paths of their own and share the totals") {
  const Profiling profiling;
  const Scope outer("outer");
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([] {
      for (int k = 0; k < 100; ++k) const Scope scope("worker", 1);
    });
  }
  for (std::thread& thread : threads) thread.join();
  const auto totals = profile_totals();
  REQUIRE(find(totals, "worker"));
  CHECK(find(totals, "worker")->calls == 400);
}

TEST_CASE("a scope that an exception leaves is closed") {
  const Profiling profiling;
  try {
    const Scope scope("thrown");
    throw Error("out");
  } catch (const Error&) {
  }
  CHECK(Scope::current() == "");
  { const Scope scope("next"); }
  CHECK(find(profile_totals(), "next"));
}

TEST_CASE("profiling may be switched inside a scope") {
  reset_profile();
  {
    const Scope outer("outer");
    set_profiling(true);
    const Scope inner("inner");
    set_profiling(false);
  }
  const auto totals = profile_totals();
  CHECK(totals.size() == 1);
  CHECK(find(totals, "inner"));
  reset_profile();
}

TEST_CASE("a scope does not take a name that is gone before it ends") {
  CHECK_FALSE(std::is_constructible_v<Scope, std::string>);
  CHECK(std::is_constructible_v<Scope, const std::string&>);
  CHECK(std::is_constructible_v<Scope, const char*>);
}
