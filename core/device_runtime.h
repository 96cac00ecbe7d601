// SPDX-License-Identifier: MIT
// What core needs of a device: memory, copies, time. One object per device; everything above it
// (memory pools, tensors, events) is the same on all of them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/device.h"

namespace telescope {

/// Which side of a copy is memory of the device. `to_page_locked` is to memory of allocate_host(), and
/// does not wait.
enum class CopyKind { within, from_host, to_host, to_page_locked };

/// How the pool of a device cuts its blocks.
struct BlockPolicy {
  bool cached = true;             ///< freed blocks are kept and handed out again
  std::size_t granularity = 512;  ///< sizes are multiples of it
  std::size_t fence_before = 256, fence_behind = 256;  ///< bytes of pattern while guards are on
};

class DeviceRuntime {
 public:
  DeviceRuntime() = default;
  DeviceRuntime(const DeviceRuntime&) = delete;
  DeviceRuntime& operator=(const DeviceRuntime&) = delete;
  virtual ~DeviceRuntime() = default;

  /// Its name for people and all the memory it has.
  virtual DeviceInfo info() const = 0;
  virtual BlockPolicy block_policy() const { return {}; }
  /// The one stream on which all work of the device is ordered.
  virtual Stream stream() const = 0;

  /// Memory from the system, aligned to 64 bytes; nullptr if there is none.
  virtual std::byte* allocate(std::size_t bytes) = 0;
  virtual void free(std::byte* data, std::size_t bytes) noexcept = 0;

  /// Memory of the host that the device can write to by itself.
  virtual std::byte* allocate_host(std::size_t bytes) = 0;
  virtual void free_host(std::byte* data, std::size_t bytes) noexcept = 0;

  /// Copies in the order of the stream. The source may change once the call returns; what was
  /// copied to the host is there then, but for to_page_locked. Ranges within one device may overlap
  /// on hosts only.
  virtual void copy(void* to, const void* from, std::size_t bytes, CopyKind kind,
                    const Stream& stream) = 0;
  /// Sets every byte, in the order of the stream.
  virtual void fill(void* to, unsigned char value, std::size_t bytes, const Stream& stream) = 0;
  /// Returns when everything given to the stream is done.
  virtual void synchronize(const Stream& stream) = 0;
  /// Whether work given to the stream is recorded into a graph instead of run.
  virtual bool capturing(const Stream&) const { return false; }
  virtual bool has_graphs() const { return false; }
  /// Work given to the stream by this thread is recorded from now on.
  virtual void begin_capture(const Stream&) {}
  /// What was recorded, for replay() and destroy_graph().
  virtual void* end_capture(const Stream&) { return nullptr; }
  virtual void abandon_capture(const Stream&) noexcept {}
  virtual void replay(void*, const Stream&) {}
  virtual void destroy_graph(void*) noexcept {}

  /// Handles to points in the order of a stream (core/event.h).
  virtual void* create_event() = 0;
  virtual void destroy_event(void* event) noexcept = 0;
  virtual void record_event(void* event, const Stream& stream) = 0;
  virtual void synchronize_event(void* event) = 0;
  virtual double seconds_between(void* start, void* end) = 0;
};

/// The runtime of a device; Error in one line where this build or this machine lacks it.
DeviceRuntime& runtime_of(const Device& device);

namespace detail {
/// Devices whose memory is the host's and whose work is done when the call returns.
class HostRuntime : public DeviceRuntime {
 public:
  explicit HostRuntime(Device device) : device_(device) {}

  DeviceInfo info() const override;
  BlockPolicy block_policy() const override;
  Stream stream() const override { return Stream(device_); }
  std::byte* allocate(std::size_t bytes) override;
  void free(std::byte* data, std::size_t bytes) noexcept override;
  std::byte* allocate_host(std::size_t bytes) override;
  void free_host(std::byte* data, std::size_t bytes) noexcept override;
  void copy(void* to, const void* from, std::size_t bytes, CopyKind kind, const Stream&) override;
  void fill(void* to, unsigned char value, std::size_t bytes, const Stream&) override;
  void synchronize(const Stream&) override {}
  void* create_event() override;
  void destroy_event(void* event) noexcept override;
  void record_event(void* event, const Stream&) override;
  void synchronize_event(void*) override {}
  double seconds_between(void* start, void* end) override;

 private:
  Device device_;
};

DeviceRuntime& simulated_runtime();
/// Devices of the CUDA driver, 0 without one or where the build has no CUDA.
int cuda_device_count();
/// Error that says what is missing if there is no device of that index.
DeviceRuntime& cuda_runtime(int index);
}  // namespace detail

}  // namespace telescope
