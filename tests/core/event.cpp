// SPDX-License-Identifier: MIT
#include "core/event.h"

#include "core/profile.h"
#include "core/tensor.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE("events tell the time between two points of a stream") {
  for (const DeviceInfo& info : devices()) {
    CAPTURE(info.device.str());
    const Stream stream = Stream::current(info.device);
    Event start, end;
    CHECK_FALSE(start.recorded());
    start.synchronize();  // nothing to wait for
    const double before = now_seconds();
    start.record(stream);
    CHECK(start.recorded());
    Tensor x = Tensor::zeros({1 << 16}, DType::f32, info.device);
    for (int i = 0; i < 20; ++i) x = x.clone();
    end.record(stream);
    const double seconds = seconds_between(start, end);
    const double most = now_seconds() - before;
    CHECK(seconds > 0);
    CHECK(seconds <= most * 1.01 + 1e-6);  // two clocks on a GPU
    CHECK(seconds_between(start, start) == 0);
    CHECK(seconds_between(end, start) == -seconds);

    const Event copy = end;
    start = Event();
    start.record(stream);
    CHECK(seconds_between(copy, start) >= 0);
  }
}

TEST_CASE("events that tell no time are errors") {
  Event cpu, sim;
  cpu.record(Stream::current({}));
  sim.record(Stream::current({DeviceType::cuda_sim, 0}));
  CHECK(error_of([&] { seconds_between(cpu, Event()); }) == "event: expected two recorded events");
  CHECK(error_of([&] { seconds_between(cpu, sim); }) ==
        "event: expected events of one device, got cpu and cuda-sim");
}
