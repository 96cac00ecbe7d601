// SPDX-License-Identifier: MIT
#include "kernels/simt/block.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/error.h"

namespace telescope::simt {
namespace {

constexpr unsigned whole_warp = 0xffffffffu;
constexpr unsigned char poison = 0xff;  // NaN in every floating-point type
constexpr std::size_t most_static_shared = 48 * 1024;

thread_local Thread* current = nullptr;

std::string text_of(const Index& i) { return fmt::format("({}, {}, {})", i.x, i.y, i.z); }

std::string text_of(const std::source_location& at) {
  std::string_view file = at.file_name();
  const auto slash = file.rfind('/');
  if (slash != file.npos) file.remove_prefix(slash + 1);
  return fmt::format("{}:{}", file, at.line());
}

bool same_line(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && std::string_view(a.file_name()) == b.file_name();
}

std::uint64_t next_random(std::uint64_t& state) {  // splitmix64
  std::uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

}  // namespace

Thread& this_thread() {
  TELESCOPE_CHECK(current, "cuda-sim", "a CUDA built-in was used outside a kernel");
  return *current;
}

// --- what a thread can do ------------------------------------------------------------------------

const Index& Thread::block_index() const { return block_->index_; }
const Geometry& Thread::geometry() const { return block_->launch_->geometry; }
std::byte* Thread::dynamic_shared() const { return block_->dynamic_; }

void Thread::fail(std::string_view what) const {
  raise_failure("cuda-sim", "kernel {}, block {}, thread {} {}", block_->launch_->kernel,
                text_of(block_->index_), text_of(thread_index), what);
}

void Thread::barrier(const std::source_location& at) {
  at_ = at;
  if (block_->at_barrier_ == 0) block_->first_at_barrier_ = this;
  const Thread& first = *block_->first_at_barrier_;
  if (!same_line(first.at_, at)) {
    fail(fmt::format("reached the barrier at {} while thread {} waits at the one at {}",
                     text_of(at), text_of(first.thread_index), text_of(first.at_)));
  }
  if (++block_->at_barrier_ == block_->threads_.size()) block_->release_barrier();
  block_->wait(*this, State::at_barrier);
}

Thread::Gathered Thread::exchange_bytes(WarpOperation operation, unsigned mask, const void* mine,
                                        std::size_t bytes, const std::source_location& at) {
  const unsigned warp = number / 32, first = number - lane();
  at_ = at;
  if (!(mask >> lane() & 1)) fail(fmt::format("is not in the mask it gave at {}", text_of(at)));
  for (unsigned l = 0; l < 32; ++l) {
    if ((mask >> l & 1) && l >= block_->warp_size(warp)) {
      fail(fmt::format("waits at {} for lane {}, of a warp of {}", text_of(at), l,
                       block_->warp_size(warp)));
    }
  }
  LaneData* slots = &block_->slots_[2 * first];
  std::memcpy(&slots[2 * lane() + exchanges_ % 2], mine, bytes);
  mask_ = mask;
  operation_ = operation;
  if (mask == whole_warp) ++block_->waiting_in_full_[warp];
  if (block_->complete(*this)) block_->release_warp(*this);
  block_->wait(*this, State::in_warp_operation);
  Gathered gathered;
  for (unsigned l = 0; l < 32; ++l) gathered.slots[l] = &slots[2 * l + (parities_ >> l & 1)];
  return gathered;
}

void* Thread::shared_variable(const void* tag, std::size_t bytes, std::size_t alignment) {
  return block_->shared_.get(tag, bytes, alignment, block_->serial_);
}

void Thread::copy_async(void* to, const void* from, std::size_t bytes, std::size_t from_bytes) {
  std::memset(to, poison, bytes);
  copies_.push_back({to, from, bytes, from_bytes, copy_group_});
}

void Thread::wait_copies(std::size_t pending) {
  std::erase_if(copies_, [&](const Copy& copy) {
    if (copy.group + pending >= copy_group_) return false;
    std::memcpy(copy.to, copy.from, copy.from_bytes);
    std::memset(static_cast<std::byte*>(copy.to) + copy.from_bytes, 0,
                copy.bytes - copy.from_bytes);
    return true;
  });
}

// --- shared memory -------------------------------------------------------------------------------

std::byte* Block::SharedMemory::get(const void* tag, std::size_t bytes, std::size_t alignment,
                                    std::uint64_t block) {
  std::size_t used = bytes;
  for (Variable& variable : variables) {
    if (variable.tag == tag && variable.bytes == bytes) {
      if (variable.block != block) std::memset(variable.data, poison, bytes);
      variable.block = block;
      return variable.data;
    }
    if (variable.block == block && tag) used += variable.bytes;
  }
  TELESCOPE_CHECK(!tag || used <= most_static_shared, "cuda-sim",
                  "a kernel asks for {} bytes of static shared memory, a block has {}", used,
                  most_static_shared);
  auto* data = static_cast<std::byte*>(::operator new (bytes, std::align_val_t{alignment}));
  std::memset(data, poison, bytes);
  variables.push_back({tag, bytes, alignment, data, block});
  return data;
}

Block::SharedMemory::~SharedMemory() {
  for (const Variable& v : variables) ::operator delete (v.data, std::align_val_t{v.alignment});
}

// --- whose turn it is ----------------------------------------------------------------------------

unsigned Block::warp_size(unsigned warp) const {
  return std::min(32u, static_cast<unsigned>(threads_.size()) - 32 * warp);
}

void Block::run(const Launch& launch, const Index& index) {
  start(launch, index);
  schedule();
  current = nullptr;
  if (failure_) {
    reset_after_failure();
    std::rethrow_exception(std::exchange(failure_, nullptr));
  }
}

void Block::start(const Launch& launch, const Index& index) {
  launch_ = &launch;
  index_ = index;
  ++serial_;
  random_ = launch.seed * 0x9E3779B97F4A7C15u + index.x + 0x10001u * index.y + 0x1000003u * index.z;
  const Index& block = launch.geometry.block;
  threads_.resize(block.count());
  unsigned number = 0;
  for (unsigned z = 0; z < block.z; ++z) {
    for (unsigned y = 0; y < block.y; ++y) {
      for (unsigned x = 0; x < block.x; ++x, ++number) {
        Thread& thread = threads_[number];
        thread.thread_index = {x, y, z};
        thread.number = number;
        thread.block_ = this;
        thread.fibre_ = nullptr;
        thread.state_ = Thread::State::running;
        thread.exchanges_ = 0;
        thread.copies_.clear();
        thread.copy_group_ = 0;
      }
    }
  }
  slots_.resize(2 * threads_.size());
  waiting_in_full_.assign((threads_.size() + 31) / 32, 0);
  at_barrier_ = 0;
  next_fresh_ = 0;
  ready_.assign((threads_.size() + 31) / 32, {});
  ready_threads_ = 0;
  const std::size_t bytes = launch.geometry.shared_bytes;
  dynamic_ = bytes ? shared_.get(nullptr, bytes, 128, serial_) : nullptr;
  shuffle();
}

// Warps in a random order and lanes in a random order inside each.
void Block::shuffle() {
  const auto n = static_cast<unsigned>(threads_.size());
  order_.clear();
  const unsigned warps = (n + 31) / 32;
  warp_order_.resize(warps);
  std::iota(warp_order_.begin(), warp_order_.end(), 0u);
  turn_ = 0;
  const bool in_order = launch_->seed == 0;
  for (unsigned w = warps; !in_order && w > 1; --w) {
    std::swap(warp_order_[w - 1], warp_order_[next_random(random_) % w]);
  }
  for (const unsigned warp : warp_order_) {
    const std::uint64_t bits = in_order ? 0 : next_random(random_);
    const auto step = static_cast<unsigned>(bits >> 32) | 1u, offset = static_cast<unsigned>(bits);
    for (unsigned i = 0; i < 32; ++i) {
      const unsigned lane = (in_order ? i : step * i + offset) % 32;
      if (lane < warp_size(warp)) order_.push_back(32 * warp + lane);
    }
  }
}

void Block::schedule() {
  while (!failure_) {
    if (ready_threads_ > 0) {
      current = take_ready();
      current->fibre_->resume();
    } else if (next_fresh_ < order_.size()) {
      if (idle_.empty()) {
        fibres_.push_back(std::make_unique<Fibre>([this](Fibre& self) { run_fibre(self); }));
        idle_.push_back(fibres_.back().get());
      }
      Fibre* fibre = idle_.back();
      idle_.pop_back();
      fibre->resume();
    } else {
      break;
    }
  }
  if (failure_) return;
  const std::string reason = stuck();
  if (!reason.empty()) {
    failure_ = std::make_exception_ptr(Failure("cuda-sim: " + reason));
  }
}

Thread* Block::take_fresh() {
  return next_fresh_ < order_.size() ? &threads_[order_[next_fresh_++]] : nullptr;
}

// A warp goes on for as long as it can, as far ahead of the others as their barriers let it, so that
// a barrier that is missing shows. Within a warp it is first come, first served: lanes must have read
// what an operation gave them before the next but one.
Thread* Block::take_ready() {
  while (ready_[warp_order_[turn_]].empty()) turn_ = (turn_ + 1) % warp_order_.size();
  auto& queue = ready_[warp_order_[turn_]];
  Thread* thread = queue.front();
  queue.pop_front();
  --ready_threads_;
  return thread;
}

void Block::make_ready(Thread& thread) {
  thread.state_ = Thread::State::ready;
  ready_[thread.number / 32].push_back(&thread);
  ++ready_threads_;
}

// A fibre takes thread after thread; only those that have to wait need a fibre for themselves.
void Block::run_fibre(Fibre& self) {
  for (;;) {
    // After a thread that others may wait for, those come first.
    while (!failure_ && ready_threads_ == 0) {
      Thread* thread = take_fresh();
      if (!thread) break;
      thread->fibre_ = &self;
      current = thread;
      try {
        launch_->body(launch_->context);
        thread->state_ = Thread::State::returned;
      } catch (const std::exception&) {
        failure_ = std::current_exception();
      }
    }
    idle_.push_back(&self);
    self.suspend();
  }
}

void Block::wait(Thread& thread, Thread::State state) {
  // Whoever came last has put itself among the ready: it, too, waits for its turn.
  if (thread.state_ != Thread::State::ready) thread.state_ = state;
  thread.fibre_->suspend();
  thread.state_ = Thread::State::running;
}

void Block::release_barrier() {
  at_barrier_ = 0;
  shuffle();
  next_fresh_ = order_.size();
  for (const unsigned i : order_) make_ready(threads_[i]);
}

// Whether all lanes that `thread` waits for are there, in the same operation.
bool Block::complete(const Thread& thread) const {
  const unsigned warp = thread.number / 32, first = 32 * warp;
  if (thread.mask_ == whole_warp && waiting_in_full_[warp] < 32) return false;
  for (unsigned l = 0; l < 32; ++l) {
    if (!(thread.mask_ >> l & 1) || first + l == thread.number) continue;
    const Thread& other = threads_[first + l];
    if (other.state_ != Thread::State::in_warp_operation || other.mask_ != thread.mask_) {
      return false;
    }
    if (other.operation_ != thread.operation_ || !same_line(other.at_, thread.at_)) {
      thread.fail(fmt::format("is in a warp operation at {} with thread {}, which is in one at {}",
                              text_of(thread.at_), text_of(other.thread_index),
                              text_of(other.at_)));
    }
  }
  return true;
}

void Block::release_warp(const Thread& last) {
  const unsigned warp = last.number / 32, first = 32 * warp, mask = last.mask_;
  std::uint32_t parities = 0;
  for (unsigned l = 0; l < warp_size(warp); ++l) {
    parities |= (threads_[first + l].exchanges_ & 1u) << l;
  }
  const unsigned turn = launch_->seed ? static_cast<unsigned>(next_random(random_) % 32) : 0;
  for (unsigned i = 0; i < 32; ++i) {
    const unsigned l = (i + turn) % 32;
    if (!(mask >> l & 1)) continue;
    Thread& thread = threads_[first + l];
    thread.parities_ = parities;
    ++thread.exchanges_;
    make_ready(thread);
  }
  if (mask == whole_warp) waiting_in_full_[warp] = 0;
}

// Suspended threads will never go on: their fibres are unwound and made anew.
void Block::reset_after_failure() {
  idle_.clear();
  fibres_.clear();
  for (Thread& thread : threads_) thread.copies_.clear();
}

// Why no thread can go on, or "" if all have returned.
std::string Block::stuck() const {
  const auto waits = [](const Thread& t) { return t.state_ != Thread::State::returned; };
  const auto waiting = std::find_if(threads_.begin(), threads_.end(), waits);
  if (waiting == threads_.end()) return "";
  const bool barrier = waiting->state_ == Thread::State::at_barrier;
  const auto missing = std::find_if(threads_.begin(), threads_.end(), [&](const Thread& t) {
    if (barrier) return t.state_ != Thread::State::at_barrier;
    const bool named = t.number / 32 == waiting->number / 32 && (waiting->mask_ >> t.lane() & 1);
    return named && (t.state_ != Thread::State::in_warp_operation || t.mask_ != waiting->mask_);
  });
  std::string elsewhere = "is nowhere";
  if (missing != threads_.end()) {
    elsewhere = fmt::format("thread {} ", text_of(missing->thread_index));
    elsewhere += missing->state_ == Thread::State::returned ? "has returned"
                                                            : "waits at " + text_of(missing->at_);
  }
  return fmt::format("kernel {}, block {}: thread {} waits {} at {} for all threads{}, but {}",
                     launch_->kernel, text_of(index_), text_of(waiting->thread_index),
                     barrier ? "at the barrier" : "in a warp operation", text_of(waiting->at_),
                     barrier ? "" : " of its mask", elsewhere);
}

}  // namespace telescope::simt
