// SPDX-License-Identifier: MIT
#include "kernels/simt/fibre.h"

#include <boost/context/protected_fixedsize_stack.hpp>
#include <memory>
#include <utility>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace telescope::simt {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stack_size = 256 * 1024;  // red zones around every local array
void leave(void** fake_stack, const void* to, std::size_t bytes) {
  __sanitizer_start_switch_fiber(fake_stack, to, bytes);
}
void arrive(void* fake_stack, const void** from, std::size_t* bytes) {
  __sanitizer_finish_switch_fiber(fake_stack, from, bytes);
}
#else
constexpr std::size_t stack_size = 64 * 1024;
void leave(void**, const void*, std::size_t) {}
void arrive(void*, const void**, std::size_t*) {}
#endif

struct Cancelled {};  // unwinds the stack of a body that will never go on

}  // namespace

Fibre::Fibre(std::function<void(Fibre&)> body) : body_(std::move(body)) {
  boost::context::protected_fixedsize_stack allocator(stack_size);
  const boost::context::stack_context stack = allocator.allocate();
  stack_bytes_ = stack.size;
  stack_ = static_cast<const char*>(stack.sp) - stack.size;
  inside_ = boost::context::fiber(std::allocator_arg,
                                  boost::context::preallocated(stack.sp, stack.size, stack),
                                  allocator, [this](boost::context::fiber&& outside) {
                                    arrive(nullptr, &outer_stack_, &outer_bytes_);
                                    outside_ = std::move(outside);
                                    try {
                                      body_(*this);
                                    } catch (const Cancelled&) {
                                    }
                                    leave(nullptr, outer_stack_, outer_bytes_);
                                    return std::move(outside_);
                                  });
}

Fibre::~Fibre() {
  if (!inside_) return;
  cancelled_ = true;
  resume();
}

void Fibre::resume() {
  void* fake_stack = nullptr;
  leave(&fake_stack, stack_, stack_bytes_);
  inside_ = std::move(inside_).resume();
  arrive(fake_stack, nullptr, nullptr);
}

void Fibre::suspend() {
  void* fake_stack = nullptr;
  leave(&fake_stack, outer_stack_, outer_bytes_);
  outside_ = std::move(outside_).resume();
  arrive(fake_stack, &outer_stack_, &outer_bytes_);
  if (cancelled_) throw Cancelled();
}

}  // namespace telescope::simt
