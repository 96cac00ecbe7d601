// SPDX-License-Identifier: MIT
#include "core/parallel.h"

#include <sys/resource.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {
// The number of threads for the rest of the block.
struct Threads {
  int before = thread_count();
  explicit Threads(int n) { set_thread_count(n); }
  ~Threads() { set_thread_count(before); }
};
}  // namespace

TEST_CASE("every element is visited once, for any length, grain and number of threads") {
  for (const int threads : {1, 2, 3, 8}) {
    const Threads scope(threads);
    CHECK(thread_count() == threads);
    for (const std::int64_t n : {0, 1, 2, 7, 8, 9, 64, 1000}) {
      for (const std::int64_t grain : {-1, 0, 1, 3, 100, 5000}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(n));
        std::atomic<int> ranges{0};
        parallel_for(n, grain, [&](std::int64_t begin, std::int64_t end) {
          ++ranges;
          for (std::int64_t i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        bool once = true;
        for (const auto& count : visits) once = once && count == 1;
        INFO("n " << n << ", grain " << grain << ", threads " << threads);
        CHECK(once);
        CHECK(ranges <= threads);
        if (grain >= n) CHECK(ranges <= 1);
      }
    }
  }
}

TEST_CASE("negative lengths are empty loops") {
  parallel_for(-5, 1, [](std::int64_t, std::int64_t) { CHECK(false); });
}

TEST_CASE("an exception in one range reaches the caller, and the next loop works") {
  const Threads scope(4);
  for (int round = 0; round < 3; ++round) {
    CHECK_THROWS_AS(parallel_for(100, 1,
                                 [](std::int64_t begin, std::int64_t) {
                                   if (begin > 0) throw std::out_of_range("range");
                                 }),
                    std::out_of_range);
    CHECK_THROWS_AS(
        parallel_for(100, 1, [](std::int64_t, std::int64_t) { throw Error("all of them"); }),
        Error);
    std::atomic<std::int64_t> sum{0};
    parallel_for(100, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
    CHECK(sum == 100);
  }
}

TEST_CASE("a loop inside a loop runs on the thread it is in") {
  const Threads scope(3);
  CHECK(!in_parallel_loop());
  std::atomic<int> inner_ranges{0}, outer_ranges{0};
  std::atomic<bool> inside{true};
  parallel_for(30, 1, [&](std::int64_t, std::int64_t) {
    ++outer_ranges;
    inside = inside && in_parallel_loop();
    parallel_for(30, 1, [&](std::int64_t begin, std::int64_t end) {
      ++inner_ranges;
      inside = inside && begin == 0 && end == 30;
    });
  });
  CHECK(inside);
  CHECK(inner_ranges == outer_ranges);
  CHECK(!in_parallel_loop());
}

TEST_CASE("the number of threads is checked") {
  CHECK(error_of([] { set_thread_count(0); }) == "threads: expected at least 1, got 0");
  CHECK(error_of([] { set_thread_count(-3); }) == "threads: expected at least 1, got -3");
}

TEST_CASE("loops of several threads at once each cover their own range") {
  const Threads scope(3);
  std::vector<std::int64_t> sums(4);
  std::vector<std::thread> callers;
  for (std::size_t c = 0; c < sums.size(); ++c) {
    callers.emplace_back([&sum = sums[c]] {
      for (int repeat = 0; repeat < 200; ++repeat) {
        std::atomic<std::int64_t> total{0};
        parallel_for(1000, 10, [&](std::int64_t begin, std::int64_t end) {
          for (std::int64_t i = begin; i < end; ++i) total += i;
        });
        sum += total;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const std::int64_t sum : sums) CHECK(sum == 200 * 499500);
}

TEST_CASE("a thread that cannot be started is a failure, and the next loop works") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return;  // their shadow memory is beyond any limit
#endif
  const Threads scope(200);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_AS, &before) == 0);
  rlimit tight = before;
  tight.rlim_cur = std::size_t{1} << 20;  // less than there is: no stack for a new thread
  REQUIRE(setrlimit(RLIMIT_AS, &tight) == 0);
  const std::string error = error_of([] { parallel_for(200, 1, [](auto, auto) {}); });
  REQUIRE(setrlimit(RLIMIT_AS, &before) == 0);
  CHECK(error.starts_with("threads: cannot start "));
  std::atomic<std::int64_t> sum{0};
  parallel_for(200, 1, [&](std::int64_t begin, std::int64_t end) { sum += end - begin; });
  CHECK(sum == 200);
}
