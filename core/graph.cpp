// SPDX-License-Identifier: MIT
#include "core/graph.h"

#include "core/device_runtime.h"
#include "core/error.h"

namespace telescope {

bool Graph::supported(const Device& device) { return runtime_of(device).has_graphs(); }

Graph::Graph(const Device& device, const std::function<void()>& work)
    : device_(device), pool_(device) {
  DeviceRuntime& runtime = runtime_of(device);
  TELESCOPE_CHECK(runtime.has_graphs(), "graph", "{} has no graphs", device.str());
  const Stream stream = Stream::current(device);
  const Work before = work_done();
  runtime.begin_capture(stream);
  try {
    const PrivatePoolScope scope(pool_);
    work();
  } catch (...) {
    runtime.abandon_capture(stream);
    throw;
  }
  native_ = runtime.end_capture(stream);
  work_ = work_done() - before;
  count_work({-work_.flop, -work_.bytes});  // recorded, not done
}

Graph::~Graph() {
  if (native_) runtime_of(device_).destroy_graph(native_);
}

void Graph::replay() const {
  runtime_of(device_).replay(native_, Stream::current(device_));
  count_work(work_);
}

}  // namespace telescope
