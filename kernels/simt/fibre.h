// SPDX-License-Identifier: MIT
// A function with a stack of its own that can stop in the middle and go on later.
#pragma once

#include <boost/context/fiber.hpp>
#include <cstddef>
#include <functional>

namespace telescope::simt {

/// Runs `body` on its own stack. resume() and suspend() hand the processor back and forth; both
/// ends must be on the same thread of the system. The body must catch no exception that it does not
/// know. AddressSanitizer is told of every switch.
class Fibre {
 public:
  explicit Fibre(std::function<void(Fibre&)> body);
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;
  /// Unwinds a suspended body.
  ~Fibre();

  /// Goes on in the body until it suspends or returns.
  void resume();
  /// Called by the body: goes back to resume().
  void suspend();

 private:
  std::function<void(Fibre&)> body_;
  boost::context::fiber inside_, outside_;  // where the one that does not run stands
  bool cancelled_ = false;
  // What AddressSanitizer wants to know of both stacks.
  const void* stack_ = nullptr;
  const void* outer_stack_ = nullptr;
  std::size_t stack_bytes_ = 0, outer_bytes_ = 0;
};

}  // namespace telescope::simt
