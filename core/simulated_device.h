// SPDX-License-Identifier: MIT
// Memory of the simulated device. It is the host's, but with TELESCOPE_SIM_PROTECT=1 (read when the
// first block is allocated) the host may touch it as little as a GPU's: each block has pages of its
// own, closed but for the time in which a simulated kernel or a copy runs, and a page that is never
// open behind its end. A wrong access ends the program with SIGSEGV where it happens.
#pragma once

#include <functional>

namespace telescope {

/// Whether device memory is closed to the host.
bool simulated_memory_protected();

/// While one is alive, in any thread, device memory is open to all threads. Nests. Whoever runs a
/// simulated kernel holds one; nothing happens where memory is not protected.
class SimulatedDeviceAccess {
 public:
  SimulatedDeviceAccess();
  ~SimulatedDeviceAccess();
  SimulatedDeviceAccess(const SimulatedDeviceAccess&) = delete;
  SimulatedDeviceAccess& operator=(const SimulatedDeviceAccess&) = delete;
};

/// Whether this thread's work on the simulated device is being recorded into a graph.
bool simulated_capture();
/// Adds to the recording. Only while simulated_capture().
void record_simulated_work(std::function<void()> work);

}  // namespace telescope
