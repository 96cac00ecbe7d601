// SPDX-License-Identifier: MIT
// Parallel loops over the CPU's threads.
#pragma once

#include <algorithm>
#include <cstdint>

namespace telescope {

/// Threads used by parallel loops, the calling one included. Default: OMP_NUM_THREADS, else all
/// cores this process may use.
int thread_count();
/// Error unless `threads` is at least 1.
void set_thread_count(int threads);
/// True inside a parallel loop: a nested loop runs on the calling thread.
bool in_parallel_loop();

namespace detail {
/// Runs piece(context, p) for every p in [0, pieces), pieces at most thread_count(), p = 0 on the
/// calling thread. Throws on what a piece threw. On the calling thread alone if the threads are busy
/// with another thread's loop.
void run_pieces(std::int64_t pieces, void (*piece)(void* context, std::int64_t p), void* context);
}  // namespace detail

/// Calls f(begin, end) on disjoint ranges that cover [0, n), about equally long, at most n / grain
/// (rounded up) of them. How many depends on the number of threads: compute each element by
/// itself, and sum in pieces of sum_chunk. An exception in one range is thrown on; Failure if a
/// thread cannot be started.
template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& f) {
  if (n <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t pieces = std::min<std::int64_t>(thread_count(), (n + grain - 1) / grain);
  if (pieces <= 1 || in_parallel_loop()) {
    f(std::int64_t{0}, n);
    return;
  }
  struct Loop {
    std::int64_t n, pieces;
    F& f;
  } loop{n, pieces, f};
  const auto piece = [](void* context, std::int64_t p) {
    const auto& self = *static_cast<Loop*>(context);
    const std::int64_t begin = self.n * p / self.pieces, end = self.n * (p + 1) / self.pieces;
    if (begin < end) self.f(begin, end);
  };
  detail::run_pieces(pieces, piece, &loop);
}

/// Length of the pieces in which sums are taken, for every number of threads: what makes a sum
/// over n elements the same bits on one thread and on sixty-four.
inline constexpr std::int64_t sum_chunk = 4096;

}  // namespace telescope
