// SPDX-License-Identifier: MIT
// A training step is hundreds of loops of a few microseconds each. OpenMP's threads spin for
// milliseconds between two of them: fast on an idle machine, but beside one other busy process
// (another thread of this program will do) every loop waits for a slice of the scheduler, and a
// step takes ten times as long. So the threads here spin briefly, then sleep, and whoever is awake
// takes what is left of a loop: none waits for one that has not woken yet.
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

constexpr std::chrono::microseconds spin_time{100};
constexpr int most_threads = 1 << 15;

thread_local bool inside_loop = false;

int default_threads() {
  if (const char* text = std::getenv("OMP_NUM_THREADS")) {
    if (const int threads = std::atoi(text); threads >= 1) return std::min(threads, most_threads);
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

/// A loop that threads take pieces of: its number, how many pieces it has, and the next one that
/// nobody has taken. In one word, so that a thread that comes late cannot mix up two loops.
struct Ticket {
  std::uint32_t loop = 0;
  std::uint16_t pieces = 0, next = 0;
};
static_assert(std::atomic<Ticket>::is_always_lock_free);

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
    unfinished_.store(static_cast<int>(pieces), std::memory_order_relaxed);
    ticket_.store({++loop_, static_cast<std::uint16_t>(pieces), 1}, std::memory_order_release);
    for (std::size_t i = 0; i < helpers; ++i) {
      workers_[i]->calls.fetch_add(1, std::memory_order_release);
      workers_[i]->calls.notify_one();
    }
    run_one(0);
    run_what_is_left();
    for (int left; (left = unfinished_.load(std::memory_order_acquire)) > 0;) {
      wait_while(unfinished_, left);
    }
    if (error_) std::rethrow_exception(error_);
    return true;
  }

 private:
  struct alignas(64) Worker {
    std::atomic<unsigned> calls{0};  // rises by one for every loop this worker may take a piece of
  };

  void add_worker(std::size_t wanted) {
    workers_.push_back(std::make_unique<Worker>());
    try {
      std::thread([this, &worker = *workers_.back()] { serve(worker); }).detach();
    } catch (const std::system_error& error) {
      workers_.pop_back();
      raise_failure("threads", "cannot start thread {} of {}: {}; OMP_NUM_THREADS sets how many",
                    workers_.size() + 2, wanted + 1, error.code().message());
    }
  }

  void serve(Worker& worker) {
    for (unsigned seen = 0;;) {
      wait_while(worker.calls, seen);
      seen = worker.calls.load(std::memory_order_acquire);
      run_what_is_left();
    }
  }

  void run_what_is_left() {
    Ticket ticket = ticket_.load(std::memory_order_acquire);
    while (ticket.next < ticket.pieces) {
      Ticket taken = ticket;
      ++taken.next;
      if (!ticket_.compare_exchange_weak(ticket, taken, std::memory_order_acq_rel,
                                         std::memory_order_acquire)) {
        continue;
      }
      run_one(ticket.next);  // its loop goes on until this piece is done
      ticket = ticket_.load(std::memory_order_acquire);
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
    if (unfinished_.fetch_sub(1, std::memory_order_acq_rel) == 1) unfinished_.notify_one();
  }

  std::mutex busy_;
  std::vector<std::unique_ptr<Worker>> workers_;
  void (*piece_)(void*, std::int64_t) = nullptr;
  void* context_ = nullptr;
  std::uint32_t loop_ = 0;
  std::atomic<Ticket> ticket_{};
  std::atomic<int> unfinished_{0};
  std::mutex error_mutex_;
  std::exception_ptr error_;
};

}  // namespace

int thread_count() { return threads_setting().load(std::memory_order_relaxed); }

void set_thread_count(int threads) {
  TELESCOPE_CHECK(threads >= 1, "threads", "expected at least 1, got {}", threads);
  threads_setting() = std::min(threads, most_threads);
}

bool in_parallel_loop() { return inside_loop; }

void detail::run_pieces(std::int64_t pieces, void (*piece)(void*, std::int64_t), void* context) {
  if (Pool::instance().run(pieces, piece, context)) return;
  for (std::int64_t p = 0; p < pieces; ++p) piece(context, p);
}

}  // namespace telescope
