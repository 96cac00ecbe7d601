// SPDX-License-Identifier: MIT
#include "core/profile.h"

#include <cmath>
#include <thread>
#include <type_traits>

#include "core/kernel_timer.h"
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
    record_events(0);
    reset_profile();
  }
};
void sleep_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

// A device whose work takes as long as it is told, and which counts its marks. A mark is a time on
// the device's clock, which is not the host's.
struct FakeDevice {
  static inline double time = 0;
  static inline int alive = 0, waits = 0;
  static inline bool capturing = false;

  static void* mark(const Stream&) noexcept {
    if (capturing) return nullptr;
    ++alive;
    return new double(time);
  }
  static double seconds_between(void* a, void* b) noexcept {
    ++waits;
    return *static_cast<double*>(b) - *static_cast<double*>(a);
  }
  static void release(void* mark) noexcept {
    --alive;
    delete static_cast<double*>(mark);
  }

  FakeDevice() {
    time = 100;
    alive = waits = 0;
    capturing = false;
    register_device_clock(DeviceType::cuda, {mark, seconds_between, release});
  }
  ~FakeDevice() { register_device_clock(DeviceType::cuda, {}); }
};
const Stream fake_stream{Device{DeviceType::cuda, 0}};

void fake_launch(const char* name, double seconds) {
  const KernelTimer timer(name, fake_stream);
  FakeDevice::time += seconds;
}
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

TEST_CASE("the time of a scope itself leaves out the scopes inside") {
  const Profiling profiling;
  {
    const Scope outer("outer", 1, 2);
    sleep_ms(20);
    {
      const Scope inner("inner", 10, 20);
      sleep_ms(40);
    }
  }
  const auto totals = profile_totals();
  const ScopeTotal *outer = find(totals, "outer"), *inner = find(totals, "outer/inner");
  REQUIRE(outer);
  REQUIRE(inner);
  CHECK(inner->self_seconds == inner->seconds);
  CHECK(outer->self_seconds >= 0.019);
  CHECK(std::abs(outer->self_seconds + inner->seconds - outer->seconds) < 1e-9);
  CHECK(outer->own.flop == 1);
  CHECK(outer->own.bytes == 2);
  CHECK(outer->work.flop == 11);
  CHECK(inner->own.flop == 10);
}

TEST_CASE("events tell when, where and what, up to their bound") {
  const Profiling profiling;
  record_events(3);
  const double before = now_seconds();
  for (int i = 0; i < 4; ++i) {
    const Scope outer("outer", 3, 4);
    const Scope inner("inner", 5);
  }
  const double after = now_seconds();
  const auto totals = profile_totals();
  const ProfileEvents all = profile_events();
  REQUIRE(all.events.size() == 3);
  CHECK(all.dropped == 5);
  REQUIRE(all.tracks.size() == 1);
  CHECK(all.tracks[0].stream.empty());
  CHECK(totals[all.events[0].scope].path == "outer/inner");
  CHECK(totals[all.events[1].scope].path == "outer");
  CHECK(all.events[0].own.flop == 5);
  CHECK(all.events[1].own.bytes == 4);
  for (const ProfileEvent& event : all.events) {
    CHECK(event.start >= before);
    CHECK(event.end >= event.start);
    CHECK(event.end <= after);
  }
  CHECK(all.events[1].start <= all.events[0].start);
  CHECK(all.events[1].end >= all.events[0].end);
  reset_profile();
  CHECK(profile_events().events.empty());
  CHECK(profile_events().dropped == 0);
}

TEST_CASE("events of threads stand on tracks of their own") {
  const Profiling profiling;
  record_events(100);
  { const Scope here("scope"); }
  std::thread([] { const Scope there("scope"); }).join();
  const ProfileEvents all = profile_events();
  REQUIRE(all.events.size() == 2);
  CHECK(all.tracks.size() == 2);
  CHECK(all.events[0].track != all.events[1].track);
}

TEST_CASE("a launch on a device without a clock is timed by the host") {
  const Profiling profiling;
  record_events(10);
  const Stream stream(Device{DeviceType::cuda_sim, 0});
  {
    const Scope operation("conv2d", 7);
    const KernelTimer timer("conv2d_kernel", stream);
    sleep_ms(20);
  }
  const auto totals = profile_totals();
  const ScopeTotal* launch = find(totals, "conv2d/conv2d_kernel");
  REQUIRE(launch);
  CHECK(launch->launch);
  CHECK(launch->calls == 1);
  CHECK(launch->seconds >= 0.019);
  CHECK_FALSE(find(totals, "conv2d")->launch);
  CHECK(find(totals, "conv2d")->self_seconds < 0.019);
  const ProfileEvents all = profile_events();
  REQUIRE(all.events.size() == 2);
  CHECK(all.tracks[all.events[0].track].stream == "cuda-sim");
}

TEST_CASE("a launch on a device with a clock is timed by it, after the run") {
  const FakeDevice device;
  {
    const Profiling profiling;
    record_events(10);
    const double before = now_seconds();
    for (int i = 0; i < 2; ++i) {
      const Scope operation("conv2d", 7);
      fake_launch("pack", 1);
      fake_launch("multiply", 32);
    }
    CHECK(FakeDevice::waits == 1);  // only to set the two clocks against each other
    const auto totals = profile_totals();
    REQUIRE(find(totals, "conv2d/multiply"));
    CHECK(find(totals, "conv2d/multiply")->seconds == 64);
    CHECK(find(totals, "conv2d/multiply")->calls == 2);
    CHECK(find(totals, "conv2d/pack")->seconds == 2);
    CHECK(find(totals, "conv2d")->seconds < 1);
    CHECK(find(totals, "conv2d")->own.flop == 14);

    std::vector<ProfileEvent> launches;
    const ProfileEvents all = profile_events();
    for (const ProfileEvent& event : all.events) {
      if (!all.tracks[event.track].stream.empty()) launches.push_back(event);
    }
    REQUIRE(launches.size() == 4);
    CHECK(all.tracks[launches[0].track].stream == "cuda:0");
    CHECK(launches[0].start >= before);
    CHECK(launches[0].start < before + 1);
    CHECK(std::abs(launches[1].start - launches[0].end) < 1e-6);
    CHECK(std::abs(launches[3].end - launches[0].start - 66) < 1e-6);
    CHECK(profile_totals().size() == totals.size());  // read once, kept
    CHECK(find(profile_totals(), "conv2d/pack")->calls == 2);
  }
  CHECK(FakeDevice::alive == 0);
}

TEST_CASE("marks are given back: many launches, a capture, a reset in between") {
  const FakeDevice device;
  {
    const Profiling profiling;
    for (int i = 0; i < 20000; ++i) fake_launch("small", 1);
    CHECK(FakeDevice::alive < 20000);  // read in between: they do not pile up
    FakeDevice::capturing = true;
    fake_launch("captured", 1);
    FakeDevice::capturing = false;
    const auto totals = profile_totals();
    CHECK(find(totals, "small")->calls == 20000);
    CHECK(find(totals, "small")->seconds == 20000);
    CHECK_FALSE(find(totals, "captured"));
    fake_launch("forgotten", 1);
    reset_profile();
    CHECK(FakeDevice::alive == 0);
  }
  fake_launch("off", 1);
  CHECK(FakeDevice::alive == 0);
  CHECK(profile_totals().empty());
}
