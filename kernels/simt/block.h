// SPDX-License-Identifier: MIT
// One block of simulated threads: their fibres, their shared memory, and whose turn it is.
#pragma once

#include <deque>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

#include "kernels/simt/fibre.h"
#include "kernels/simt/simulator.h"

namespace telescope::simt {

/// What a launch is, for all its blocks.
struct Launch {
  std::string_view kernel;
  Geometry geometry;
  void (*body)(const void*);
  const void* context;
  std::uint64_t seed;  ///< of the order of threads; 0 for no shuffling
};

/// Runs blocks one after the other and keeps the fibres between them. One for each thread of the
/// system.
class Block {
 public:
  void run(const Launch& launch, const Index& index);

 private:
  friend class Thread;

  void start(const Launch& launch, const Index& index);
  void schedule();
  void run_fibre(Fibre& self);
  Thread* take_fresh();
  Thread* take_ready();
  void make_ready(Thread& thread);
  void wait(Thread& thread, Thread::State state);
  void shuffle();
  void release_barrier();
  bool complete(const Thread& thread) const;
  void release_warp(const Thread& last);
  void reset_after_failure();
  std::string stuck() const;
  unsigned warp_size(unsigned warp) const;

  // Memory of one variable; allocated by itself so that AddressSanitizer guards its ends.
  struct Variable {
    const void* tag;
    std::size_t bytes, alignment;
    std::byte* data;
    std::uint64_t block;  // that poisoned it last
  };
  struct SharedMemory {
    std::vector<Variable> variables;
    ~SharedMemory();
    std::byte* get(const void* tag, std::size_t bytes, std::size_t alignment, std::uint64_t block);
  };

  const Launch* launch_ = nullptr;
  Index index_;
  std::vector<Thread> threads_;
  std::vector<unsigned> order_;  // of the threads, until the next barrier
  std::size_t next_fresh_ = 0;
  std::vector<std::deque<Thread*>> ready_;  // of each warp
  std::size_t ready_threads_ = 0;
  std::vector<unsigned> warp_order_;  // whose turn it is next
  unsigned turn_ = 0;                 // in warp_order_
  unsigned at_barrier_ = 0;
  const Thread* first_at_barrier_ = nullptr;
  std::vector<LaneData> slots_;            // [threads][2]
  std::vector<unsigned> waiting_in_full_;  // lanes of each warp that wait for the whole warp
  std::vector<std::unique_ptr<Fibre>> fibres_;
  std::vector<Fibre*> idle_;
  SharedMemory shared_;
  std::byte* dynamic_ = nullptr;
  std::uint64_t serial_ = 0;  // of the block, over all launches
  std::uint64_t random_ = 0;
  std::exception_ptr failure_;
};

}  // namespace telescope::simt
