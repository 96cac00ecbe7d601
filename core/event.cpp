// SPDX-License-Identifier: MIT
#include "core/event.h"

#include "core/device_runtime.h"
#include "core/error.h"

namespace telescope {

void Event::record(const Stream& stream) {
  DeviceRuntime& runtime = runtime_of(stream.device());
  if (!event_ || !(device_ == stream.device())) {
    event_ = {runtime.create_event(), [&runtime](void* event) { runtime.destroy_event(event); }};
    device_ = stream.device();
  }
  runtime.record_event(event_.get(), stream);
}

void Event::synchronize() const {
  if (event_) runtime_of(device_).synchronize_event(event_.get());
}

double seconds_between(const Event& start, const Event& end) {
  TELESCOPE_CHECK(start.recorded() && end.recorded(), "event", "expected two recorded events");
  TELESCOPE_CHECK(start.device_ == end.device_, "event",
                  "expected events of one device, got {} and {}", start.device_.str(),
                  end.device_.str());
  end.synchronize();
  return runtime_of(start.device_).seconds_between(start.event_.get(), end.event_.get());
}

}  // namespace telescope
