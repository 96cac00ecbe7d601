// SPDX-License-Identifier: MIT
#include "core/parallel.h"

#include <omp.h>

#include "core/error.h"

namespace telescope {

int thread_count() { return omp_get_max_threads(); }

void set_thread_count(int threads) {
  TELESCOPE_CHECK(threads >= 1, "threads", "expected at least 1, got {}", threads);
  omp_set_num_threads(threads);
}

bool in_parallel_loop() { return omp_in_parallel() != 0; }

}  // namespace telescope
