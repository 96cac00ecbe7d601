// SPDX-License-Identifier: MIT
// A training step is hundreds of loops of a few microseconds each. OpenMP's threads spin for
// milliseconds between two of them: fast on an idle machine, but beside one other busy process
// (another thread of this program will do) every loop waits for a slice of the scheduler, and a
// step takes ten times as long. So the threads here spin briefly, then sleep.
#include "core/parallel.h"

#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/error.h"

namespace telescope {
namespace {

constexpr std::chrono::microseconds spin_time{30};

thread_local bool inside_loop = false;

int default_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    if (const int threads = std::atoi(text); threads >= 1) return threads;
  }
  cpu_set_t cores;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) return CPU_COUNT(&cores);
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::atomic<int>& threads_setting() {
  static std::atomic<int> threads{default_threads()};
  return threads;
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

// Waits until `value` is no longer `old`: spinning at first, then asleep.
template <class T>
void wait_while(const std::atomic<T>& value, T old) {
  const auto limit = std::chrono::steady_clock::now() + spin_time;
  do {
    for (int i = 0; i < 32; ++i) {
      if (value.load(std::memory_order_acquire) != old) return;
      pause();
    }
  } while (std::chrono::steady_clock::now() < limit);
  while (value.load(std::memory_order_acquire) == old) value.wait(old, std::memory_order_acquire);
}

class Pool {
 public:
  static Pool& instance() {
    static Pool* pool = new Pool;  // never destroyed: its threads may wait in it until the end
    return *pool;
  }

  /// False if the threads are at work for another thread.
  bool run(std::int64_t pieces, void (*piece)(void*, std::int64_t), void* context) {
    const std::unique_lock lock(busy_, std::try_to_lock);
    if (!lock) return false;
    const auto helpers = static_cast<std::size_t>(pieces - 1);
    while (workers_.size() < helpers) add_worker(helpers);
    piece_ = piece;
    context_ = context;
    error_ = nullptr;
    unfinished_.store(static_cast<int>(helpers), std::memory_order_relaxed);
    for (std::size_t i = 0; i < helpers; ++i) {
      workers_[i]->calls.fetch_add(1, std::memory_order_release);
      workers_[i]->calls.notify_one();
    }
    run_one(0);
    for (int left; (left = unfinished_.load(std::memory_order_acquire)) > 0;) {
      wait_while(unfinished_, left);
    }
    if (error_) std::rethrow_exception(error_);
    return true;
  }

 private:
  struct alignas(64) Worker {
    std::atomic<unsigned> calls{0};  // rises by one for every loop this worker has a piece of
  };

  void add_worker(std::size_t wanted) {
    workers_.push_back(std::make_unique<Worker>());
    try {
      std::thread([this, &worker = *workers_.back(),
                   p = static_cast<std::int64_t>(workers_.size())] {
        serve(worker, p);
      }).detach();
    } catch (const std::system_error& error) {
      workers_.pop_back();  // the next loop must not wait for it
      raise_failure("threads", "cannot start thread {} of {}: {}; OMP_NUM_THREADS sets how many",
                    workers_.size() + 2, wanted + 1, error.code().message());
    }
  }

  void serve(Worker& worker, std::int64_t p) {
    for (unsigned seen = 0;; ++seen) {
      wait_while(worker.calls, seen);
      run_one(p);
      if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
    }
  }

  void run_one(std::int64_t p) {
    inside_loop = true;
    try {
      piece_(context_, p);
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
    }
    inside_loop = false;
  }

  std::mutex busy_;
  std::vector<std::unique_ptr<Worker>> workers_;
  void (*piece_)(void*, std::int64_t) = nullptr;
  void* context_ = nullptr;
  std::atomic<int> unfinished_{0};
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

}  // namespace

int thread_count() { return threads_setting().load(std::memory_order_relaxed); }

void set_thread_count(int threads) {
  TELESCOPE_CHECK(threads >= 1, "threads", "expected at least 1, got {}", threads);
  threads_setting() = threads;
}

bool in_parallel_loop() { return inside_loop; }

void detail::run_pieces(std::int64_t pieces, void (*piece)(void*, std::int64_t), void* context) {
  if (Pool::instance().run(pieces, piece, context)) return;
  for (std::int64_t p = 0; p < pieces; ++p) piece(context, p);
}

}  // namespace telescope
