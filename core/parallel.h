// SPDX-License-Identifier: MIT
// Parallel loops over the CPU's threads (OpenMP).
#pragma once

#include <algorithm>
#include <cstdint>
#include <exception>

namespace telescope {

/// Threads used by parallel loops. Default: OMP_NUM_THREADS, else all cores.
int thread_count();
/// Error unless `threads` is at least 1.
void set_thread_count(int threads);
/// True inside a parallel loop: a nested loop runs on the calling thread.
bool in_parallel_loop();

/// Calls f(begin, end) on disjoint ranges that cover [0, n), each at least `grain` long but the
/// last. How many ranges there are depends on the number of threads: compute each element by
/// itself, and sum with `chunked_sum` instead. An exception in one range is thrown on.
template <class F>
void parallel_for(std::int64_t n, std::int64_t grain, F&& f) {
  if (n <= 0) return;
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t pieces = std::min<std::int64_t>(thread_count(), (n + grain - 1) / grain);
  if (pieces <= 1 || in_parallel_loop()) {
    f(std::int64_t{0}, n);
    return;
  }
  std::exception_ptr error;
#pragma omp parallel for schedule(static, 1) num_threads(static_cast <int>(pieces))
  for (std::int64_t p = 0; p < pieces; ++p) {
    try {
      const std::int64_t begin = n * p / pieces, end = n * (p + 1) / pieces;
      if (begin < end) f(begin, end);
    } catch (...) {
#pragma omp critical(telescope_parallel_for)
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

/// Length of the pieces in which sums are taken, for every number of threads: what makes a sum
/// over n elements the same bits on one thread and on sixty-four.
inline constexpr std::int64_t sum_chunk = 4096;

}  // namespace telescope
