// SPDX-License-Identifier: MIT
// The machine that runs CUDA kernels on the CPU: every CUDA thread is a fibre, every block runs on
// one thread of the system, blocks spread over all of them. Kernels do not include this file; they
// see CUDA's own names through kernels/simt/simt.h.
//
// What it is strict about, where a GPU is silent: a barrier or warp operation that some thread does
// not reach, or reaches on another line; shared memory is NaN until somebody writes it; a cp.async
// lands at its wait and not before; too many threads, too much shared memory. Threads run in an
// order that changes from block to block and after every barrier (TELESCOPE_SIM_SEED; 0 keeps them
// in order), so that a missing barrier shows. Failures name kernel, block, thread and line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <string_view>
#include <vector>

namespace telescope::simt {

struct Index {
  unsigned x = 0, y = 0, z = 0;
  std::size_t count() const { return std::size_t{x} * y * z; }
};

/// A grid of blocks of threads, as in CUDA.
struct Geometry {
  Index grid, block;
  std::size_t shared_bytes = 0;  ///< of dynamic shared memory
};

/// Which operation lanes of a warp meet in; all must name the same.
enum class WarpOperation : std::uint8_t { sync, shuffle, vote, mma, ldmatrix };

/// What one lane brings to a warp operation.
struct alignas(8) LaneData {
  std::byte bytes[32];
};

class Block;
class Fibre;

/// One CUDA thread, as its own code sees it.
class Thread {
 public:
  Index thread_index;
  unsigned number = 0;  ///< linear, x fastest
  const Index& block_index() const;
  const Geometry& geometry() const;
  unsigned lane() const { return number % 32; }

  /// __syncthreads().
  void barrier(const std::source_location& at);

  /// What the lanes brought, by lane, until this thread's next warp operation.
  struct Gathered {
    const LaneData* slots[32] = {};
    template <class T>
    T of(unsigned lane) const {
      T value;
      std::memcpy(&value, slots[lane], sizeof value);
      return value;
    }
  };
  /// Brings `mine`, waits for every lane of `mask`, and gets what each brought.
  template <class T>
  Gathered exchange(WarpOperation operation, unsigned mask, const T& mine,
                    const std::source_location& at) {
    static_assert(sizeof(T) <= sizeof(LaneData));
    return exchange_bytes(operation, mask, &mine, sizeof mine, at);
  }

  /// The block's variable of static shared memory that belongs to `tag`.
  void* shared_variable(const void* tag, std::size_t bytes, std::size_t alignment);
  std::byte* dynamic_shared() const;

  /// cp.async: `bytes` of which the first `from_bytes` are copied and the rest is zero. The target
  /// is NaN until wait_copies() has let the group pass.
  void copy_async(void* to, const void* from, std::size_t bytes, std::size_t from_bytes);
  void commit_copies() { ++copy_group_; }
  /// Lets all groups pass but the `pending` latest.
  void wait_copies(std::size_t pending);

  /// Failure that names kernel, block and thread.
  [[noreturn]] void fail(std::string_view what) const;

 private:
  friend class Block;
  enum class State : std::uint8_t { running, ready, at_barrier, in_warp_operation, returned };
  struct Copy {
    void* to;
    const void* from;
    std::size_t bytes, from_bytes, group;
  };

  Gathered exchange_bytes(WarpOperation operation, unsigned mask, const void* mine,
                          std::size_t bytes, const std::source_location& at);

  Block* block_ = nullptr;
  Fibre* fibre_ = nullptr;
  State state_ = State::running;
  std::source_location at_;  // where it waits
  WarpOperation operation_ = WarpOperation::sync;
  unsigned mask_ = 0;           // of the lanes it waits for
  unsigned exchanges_ = 0;      // so far; the lowest bit chooses one of two slots
  std::uint32_t parities_ = 0;  // of the lanes it was released with
  std::vector<Copy> copies_;
  std::size_t copy_group_ = 0;
};

/// The thread that runs now. Error outside a kernel.
Thread& this_thread();

/// Runs `body` once for every thread of the grid. Failure if a kernel does what a GPU would not
/// forgive; what a thread throws is thrown on.
void run_grid(std::string_view kernel, const Geometry& geometry, void (*body)(const void*),
              const void* context);

}  // namespace telescope::simt
