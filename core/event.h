// SPDX-License-Identifier: MIT
// Points in the order of a stream, and the time between two.
#pragma once

#include <memory>

#include "core/device.h"

namespace telescope {

/// A point in the order of a stream. Recording costs no wait: on CUDA devices the time is taken
/// when the stream gets there, elsewhere (where work is done when the call returns) at once. A
/// handle; may be recorded again, best on the same device, whose event is then used again. One that is
/// recorded into a Graph must live as long as the graph.
class Event {
 public:
  Event() = default;  ///< not recorded

  void record(const Stream& stream);
  bool recorded() const { return event_ != nullptr; }
  /// Returns when everything given to the stream before it is done; nothing if not recorded.
  void synchronize() const;
  /// Waits for `end`; Error unless both were recorded on one device.
  friend double seconds_between(const Event& start, const Event& end);

 private:
  Device device_;
  std::shared_ptr<void> event_;  // of the device's runtime
};

double seconds_between(const Event& start, const Event& end);

}  // namespace telescope
