// SPDX-License-Identifier: MIT
// The CUDA side of DeviceRuntime; compiled where the build has CUDA.
#include <cuda_runtime_api.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <mutex>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/device_runtime.h"
#include "core/error.h"
#include "core/kernel_timer.h"
#include "core/profile.h"

namespace telescope {
namespace {

void check(cudaError_t status, std::string_view call, int index) {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // or the next call would report it again
  const auto operation = Scope::current();
  raise_failure(operation.empty() ? "cuda" : operation, "{} on cuda:{}: {}", call, index,
                cudaGetErrorString(status));
}

cudaStream_t native(const Stream& stream) { return static_cast<cudaStream_t>(stream.native()); }

// Makes a device current for this thread, and the one before it again at the end.
class DeviceGuard {
 public:
  explicit DeviceGuard(int index) : index_(index) {
    cudaGetDevice(&before_);
    if (before_ != index_) check(cudaSetDevice(index_), "cudaSetDevice", index_);
  }
  ~DeviceGuard() {
    if (before_ != index_) cudaSetDevice(before_);
  }
  DeviceGuard(const DeviceGuard&) = delete;
  DeviceGuard& operator=(const DeviceGuard&) = delete;

 private:
  int index_, before_ = 0;
};

// Lets this thread ask for memory while a stream is captured into a graph.
class RelaxedCapture {
 public:
  RelaxedCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  ~RelaxedCapture() { cudaThreadExchangeStreamCaptureMode(&mode_); }
  RelaxedCapture(const RelaxedCapture&) = delete;
  RelaxedCapture& operator=(const RelaxedCapture&) = delete;

 private:
  cudaStreamCaptureMode mode_ = cudaStreamCaptureModeRelaxed;
};

// Pinned memory through which copies from the host go without waiting for the device: slots that
// many copies fill one after the other; a slot is used again when the stream has read it.
class StagingRing {
 public:
  static constexpr std::size_t most_bytes = std::size_t{16} << 20;  // of a copy that pays here

  explicit StagingRing(int index) : index_(index) {}

  void copy(std::byte* to, const std::byte* from, std::size_t bytes, cudaStream_t stream) {
    const std::lock_guard lock(mutex_);
    while (bytes > 0) {
      Slot& slot = slot_with_room(stream);
      const std::size_t part = std::min(bytes, slot_bytes - used_);
      std::memcpy(slot.data + used_, from, part);
      check(cudaMemcpyAsync(to, slot.data + used_, part, cudaMemcpyHostToDevice, stream),
            "copy from the host", index_);
      used_ = std::min(slot_bytes, used_ + (part + 63) / 64 * 64);
      to += part;
      from += part;
      bytes -= part;
    }
  }

 private:
  struct Slot {
    std::byte* data = nullptr;
    cudaEvent_t read = nullptr;
  };
  static constexpr std::size_t slot_bytes = std::size_t{4} << 20;

  Slot& slot_with_room(cudaStream_t stream) {
    if (slots_[current_].data && used_ < slot_bytes && stream == stream_) return slots_[current_];
    if (slots_[current_].data) {
      check(cudaEventRecord(slots_[current_].read, stream_), "cudaEventRecord", index_);
      current_ = (current_ + 1) % slots_.size();
    }
    Slot& slot = slots_[current_];
    if (slot.data) {
      check(cudaEventSynchronize(slot.read), "copy from the host", index_);
    } else {
      check(cudaEventCreateWithFlags(&slot.read, cudaEventDisableTiming), "cudaEventCreate",
            index_);
      check(cudaHostAlloc(reinterpret_cast<void**>(&slot.data), slot_bytes, cudaHostAllocDefault),
            "cudaHostAlloc", index_);
    }
    used_ = 0;
    stream_ = stream;
    return slot;
  }

  const int index_;
  std::mutex mutex_;
  std::array<Slot, 4> slots_;
  std::size_t current_ = 0, used_ = 0;
  cudaStream_t stream_ = nullptr;  // that reads the current slot
};

// Page-locked memory for what comes back from the device: a few small blocks that are used again,
// since locking pages is slow.
class PageLockedBlocks {
 public:
  std::byte* allocate(std::size_t bytes) {
    const std::size_t size = std::bit_ceil(std::max<std::size_t>(bytes, 256));
    const std::lock_guard lock(mutex_);
    auto& free = free_[size];
    if (!free.empty()) {
      std::byte* const data = free.back();
      free.pop_back();
      return data;
    }
    const RelaxedCapture relaxed;
    void* data = nullptr;
    check(cudaHostAlloc(&data, size, cudaHostAllocPortable), "cudaHostAlloc", 0);
    return static_cast<std::byte*>(data);
  }
  void free(std::byte* data, std::size_t bytes) noexcept {
    const std::lock_guard lock(mutex_);
    free_[std::bit_ceil(std::max<std::size_t>(bytes, 256))].push_back(data);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::size_t, std::vector<std::byte*>> free_;
};

class CudaRuntime : public DeviceRuntime {
 public:
  explicit CudaRuntime(int index) : index_(index), ring_(index) {
    const DeviceGuard guard(index_);
    check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate", index_);
  }

  DeviceInfo info() const override {
    cudaDeviceProp properties{};
    check(cudaGetDeviceProperties(&properties, index_), "cudaGetDeviceProperties", index_);
    return {device(), properties.name, static_cast<std::int64_t>(properties.totalGlobalMem)};
  }
  Stream stream() const override { return Stream(device(), stream_); }

  std::byte* allocate(std::size_t bytes) override {
    const DeviceGuard guard(index_);
    const RelaxedCapture relaxed;
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();
      return nullptr;
    }
    check(status, "cudaMalloc", index_);
    return static_cast<std::byte*>(data);
  }
  // Waits for the device; a program that ends may find no driver here, and needs none.
  void free(std::byte* data, std::size_t) noexcept override {
    if (cudaFree(data) != cudaSuccess) cudaGetLastError();
  }

  std::byte* allocate_host(std::size_t bytes) override {
    const DeviceGuard guard(index_);
    return page_locked_.allocate(bytes);
  }
  void free_host(std::byte* data, std::size_t bytes) noexcept override {
    page_locked_.free(data, bytes);
  }

  void copy(void* to, const void* from, std::size_t bytes, CopyKind kind,
            const Stream& stream) override {
    if (bytes == 0) return;
    const DeviceGuard guard(index_);
    const cudaStream_t queue = native(stream);
    if (kind == CopyKind::within) {
      check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, queue), "copy", index_);
      return;
    }
    TELESCOPE_CHECK(!capturing(stream), "copy",
                    "{} bytes {} the host while a step on {} is captured into a graph, which would "
                    "not see them change; keep them on the device",
                    bytes, kind == CopyKind::from_host ? "from" : "to", device().str());
    if (kind == CopyKind::to_host || kind == CopyKind::to_page_locked) {
      check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, queue), "copy to the host",
            index_);
      if (kind == CopyKind::to_page_locked) return;
      check(cudaStreamSynchronize(queue), "copy to the host", index_);
    } else if (bytes <= StagingRing::most_bytes) {
      ring_.copy(static_cast<std::byte*>(to), static_cast<const std::byte*>(from), bytes, queue);
    } else {
      check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, queue), "copy from the host",
            index_);
      // CUDA promises nothing about when it has read memory that is not page-locked.
      check(cudaStreamSynchronize(queue), "copy from the host", index_);
    }
  }

  void fill(void* to, unsigned char value, std::size_t bytes, const Stream& stream) override {
    if (bytes == 0) return;
    const DeviceGuard guard(index_);
    check(cudaMemsetAsync(to, value, bytes, native(stream)), "cudaMemset", index_);
  }
  void synchronize(const Stream& stream) override {
    const DeviceGuard guard(index_);
    check(cudaStreamSynchronize(native(stream)), "synchronize", index_);
  }
  bool capturing(const Stream& stream) const override {
    cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
    check(cudaStreamIsCapturing(native(stream), &status), "cudaStreamIsCapturing", index_);
    return status != cudaStreamCaptureStatusNone;
  }

  bool has_graphs() const override { return true; }
  void begin_capture(const Stream& stream) override {
    const DeviceGuard guard(index_);
    check(cudaStreamBeginCapture(native(stream), cudaStreamCaptureModeThreadLocal),
          "cudaStreamBeginCapture", index_);
  }
  void* end_capture(const Stream& stream) override {
    const DeviceGuard guard(index_);
    cudaGraph_t graph = nullptr;
    check(cudaStreamEndCapture(native(stream), &graph), "cudaStreamEndCapture", index_);
    cudaGraphExec_t executable = nullptr;
    const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    check(status, "cudaGraphInstantiate", index_);
    return executable;
  }
  void abandon_capture(const Stream& stream) noexcept override {
    cudaGraph_t graph = nullptr;
    cudaStreamEndCapture(native(stream), &graph);
    if (graph) cudaGraphDestroy(graph);
    cudaGetLastError();
  }
  void replay(void* graph, const Stream& stream) override {
    const DeviceGuard guard(index_);
    check(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), native(stream)), "cudaGraphLaunch",
          index_);
  }
  void destroy_graph(void* graph) noexcept override {
    cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph));
  }

  void* create_event() override {
    {
      const std::lock_guard lock(events_mutex_);
      if (!events_.empty()) {
        void* const event = events_.back();
        events_.pop_back();
        return event;
      }
    }
    const DeviceGuard guard(index_);
    cudaEvent_t event = nullptr;
    check(cudaEventCreate(&event), "cudaEventCreate", index_);
    return event;
  }
  void destroy_event(void* event) noexcept override {
    const std::lock_guard lock(events_mutex_);
    events_.push_back(event);
  }
  void record_event(void* event, const Stream& stream) override {
    const DeviceGuard guard(index_);
    // Recorded into a graph it must be marked, or its time could not be asked for after a replay.
    const unsigned flags = capturing(stream) ? cudaEventRecordExternal : cudaEventRecordDefault;
    check(cudaEventRecordWithFlags(static_cast<cudaEvent_t>(event), native(stream), flags),
          "cudaEventRecord", index_);
  }
  void synchronize_event(void* event) override {
    check(cudaEventSynchronize(static_cast<cudaEvent_t>(event)), "cudaEventSynchronize", index_);
  }
  double seconds_between(void* start, void* end) override {
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(start),
                               static_cast<cudaEvent_t>(end)),
          "cudaEventElapsedTime", index_);
    return static_cast<double>(milliseconds) * 1e-3;
  }

 private:
  Device device() const { return {DeviceType::cuda, index_}; }

  const int index_;
  cudaStream_t stream_ = nullptr;
  StagingRing ring_;
  PageLockedBlocks page_locked_;
  std::mutex events_mutex_;
  std::vector<void*> events_;  // made and not in use: creating one is slow
};

// What the profiler asks of a device whose work goes on after a launch returns.
struct Mark {
  DeviceRuntime* runtime;
  void* event;
};

void release_mark(void* mark) noexcept {
  const Mark* const m = static_cast<Mark*>(mark);
  m->runtime->destroy_event(m->event);
  delete m;
}

void* put_mark(const Stream& stream) noexcept {
  try {
    DeviceRuntime& runtime = runtime_of(stream.device());
    if (runtime.capturing(stream)) return nullptr;
    Mark* const mark = new Mark{&runtime, runtime.create_event()};
    runtime.record_event(mark->event, stream);
    return mark;
  } catch (const std::exception&) {
    return nullptr;
  }
}

double seconds_between_marks(void* start, void* stop) noexcept {
  try {
    const Mark *const a = static_cast<Mark*>(start), *const b = static_cast<Mark*>(stop);
    b->runtime->synchronize_event(b->event);
    return a->runtime->seconds_between(a->event, b->event);
  } catch (const std::exception&) {
    return -1;
  }
}

struct Driver {
  int version = 0, devices = 0;
  std::string trouble;  // "" if there is none
};

const Driver& driver() {
  static const Driver found = [] {
    Driver d;
    if (cudaDriverGetVersion(&d.version) != cudaSuccess) d.version = 0;
    const cudaError_t status = cudaGetDeviceCount(&d.devices);
    if (status != cudaSuccess) {
      cudaGetLastError();
      d.devices = 0;
      d.trouble = cudaGetErrorString(status);
    }
    return d;
  }();
  return found;
}

constexpr std::size_t most_devices = 64;

}  // namespace

namespace detail {

int cuda_device_count() { return std::min(driver().devices, static_cast<int>(most_devices)); }

DeviceRuntime& cuda_runtime(int index) {
  // Never destroyed: tensors may outlive static objects.
  static std::array<std::atomic<DeviceRuntime*>, most_devices> runtimes{};
  static std::mutex mutex;
  const Driver& found = driver();
  TELESCOPE_CHECK(found.version > 0, "device",
                  "this machine has no CUDA driver; it has cpu and cuda-sim");
  TELESCOPE_CHECK(found.trouble.empty(), "device", "this machine's CUDA driver cannot be used: {}",
                  found.trouble);
  TELESCOPE_CHECK(index >= 0 && index < cuda_device_count(), "device",
                  "this machine has {} CUDA devices, counted from 0, asked for cuda:{}",
                  cuda_device_count(), index);
  auto& slot = runtimes[static_cast<std::size_t>(index)];
  if (DeviceRuntime* const runtime = slot.load(std::memory_order_acquire)) return *runtime;
  const std::lock_guard lock(mutex);
  if (!slot.load()) {
    slot.store(new CudaRuntime(index), std::memory_order_release);
    register_device_clock(DeviceType::cuda, {put_mark, seconds_between_marks, release_mark});
  }
  return *slot.load();
}

}  // namespace detail
}  // namespace telescope
