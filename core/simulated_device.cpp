// SPDX-License-Identifier: MIT
#include "core/simulated_device.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/device_runtime.h"
#include "core/error.h"

namespace telescope {
namespace {

constexpr std::size_t alignment = 64;

#if defined(__SANITIZE_ADDRESS__)
constexpr bool sanitized = true;
#else
constexpr bool sanitized = false;
#endif

// Blocks of whole pages with a closed one behind, all open or all closed.
class ProtectedMemory {
 public:
  static ProtectedMemory& instance() {
    static ProtectedMemory* const memory = new ProtectedMemory;
    return *memory;
  }

  std::byte* allocate(std::size_t bytes) {
    const std::size_t length = pages(bytes);
    const std::lock_guard lock(mutex_);
    void* const start = mmap(nullptr, length + page_, PROT_NONE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return nullptr;
    if (users_ && mprotect(start, length, PROT_READ | PROT_WRITE) != 0) {
      munmap(start, length + page_);
      return nullptr;
    }
    blocks_.emplace(start, length);
    return static_cast<std::byte*>(start) + (length - rounded(bytes));
  }

  void free(std::byte* data, std::size_t bytes) noexcept {
    const std::size_t length = pages(bytes);
    void* const start = data - (length - rounded(bytes));
    const std::lock_guard lock(mutex_);
    blocks_.erase(start);
    munmap(start, length + page_);
  }

  void open() {
    const std::lock_guard lock(mutex_);
    if (users_++ == 0) protect(PROT_READ | PROT_WRITE);
  }
  void close() {
    const std::lock_guard lock(mutex_);
    if (--users_ == 0) protect(PROT_NONE);
  }

 private:
  static std::size_t rounded(std::size_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  }
  std::size_t pages(std::size_t bytes) const { return (bytes + page_ - 1) / page_ * page_; }
  void protect(int access) {
    for (const auto& [start, length] : blocks_) mprotect(start, length, access);
  }

  const std::size_t page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  std::mutex mutex_;
  std::unordered_map<void*, std::size_t> blocks_;
  int users_ = 0;
};

using Recording = std::vector<std::function<void()>>;
thread_local std::unique_ptr<Recording> recording;

class SimulatedRuntime : public detail::HostRuntime {
 public:
  SimulatedRuntime() : HostRuntime({DeviceType::cuda_sim, 0}) {}

  DeviceInfo info() const override {
    DeviceInfo info = HostRuntime::info();
    info.name = "CUDA kernels simulated on the host";
    return info;
  }

  BlockPolicy block_policy() const override {
    // The closed page, or the sanitizer's zone, stands where a fence would hide a wrong read.
    if (simulated_memory_protected()) {
      return {.cached = false, .granularity = alignment, .fence_behind = 0};
    }
    if (sanitized) {
      return {.cached = false, .granularity = 1, .fence_before = 0, .fence_behind = 0};
    }
    return {};
  }

  std::byte* allocate(std::size_t bytes) override {
    if (simulated_memory_protected()) return ProtectedMemory::instance().allocate(bytes);
    return HostRuntime::allocate(bytes);
  }
  void free(std::byte* data, std::size_t bytes) noexcept override {
    if (simulated_memory_protected()) return ProtectedMemory::instance().free(data, bytes);
    HostRuntime::free(data, bytes);
  }
  void copy(void* to, const void* from, std::size_t bytes, CopyKind kind,
            const Stream& stream) override {
    if (recording) {
      TELESCOPE_CHECK(
          kind == CopyKind::within, "copy",
          "{} bytes {} the host while a step on cuda-sim is captured into a graph, which "
          "would not see them change; keep them on the device",
          bytes, kind == CopyKind::from_host ? "from" : "to");
      recording->push_back([=, this] { run_copy(to, from, bytes, kind, stream); });
      return;
    }
    run_copy(to, from, bytes, kind, stream);
  }
  void fill(void* to, unsigned char value, std::size_t bytes, const Stream& stream) override {
    if (recording) {
      recording->push_back([=, this] { run_fill(to, value, bytes, stream); });
      return;
    }
    run_fill(to, value, bytes, stream);
  }

  bool capturing(const Stream&) const override { return recording != nullptr; }
  bool has_graphs() const override { return true; }
  void begin_capture(const Stream&) override {
    TELESCOPE_CHECK(!recording, "graph", "a recording is under way on this thread");
    recording = std::make_unique<Recording>();
  }
  void* end_capture(const Stream&) override { return recording.release(); }
  void abandon_capture(const Stream&) noexcept override { recording.reset(); }
  void replay(void* graph, const Stream&) override {
    const SimulatedDeviceAccess access;  // once for all: opening hundreds of blocks takes its time
    for (const auto& work : *static_cast<Recording*>(graph)) work();
  }
  void destroy_graph(void* graph) noexcept override { delete static_cast<Recording*>(graph); }
  void record_event(void* event, const Stream& stream) override {
    if (recording) {
      recording->push_back([=, this] { HostRuntime::record_event(event, stream); });
    } else {
      HostRuntime::record_event(event, stream);
    }
  }

 private:
  void run_copy(void* to, const void* from, std::size_t bytes, CopyKind kind,
                const Stream& stream) {
    const SimulatedDeviceAccess access;
    HostRuntime::copy(to, from, bytes, kind, stream);
  }
  void run_fill(void* to, unsigned char value, std::size_t bytes, const Stream& stream) {
    const SimulatedDeviceAccess access;
    HostRuntime::fill(to, value, bytes, stream);
  }
};

}  // namespace

bool simulated_memory_protected() {
  static const bool on = [] {
    const char* text = std::getenv("TELESCOPE_SIM_PROTECT");
    return text && std::string_view(text) == "1";
  }();
  return on;
}

SimulatedDeviceAccess::SimulatedDeviceAccess() {
  if (simulated_memory_protected()) ProtectedMemory::instance().open();
}
SimulatedDeviceAccess::~SimulatedDeviceAccess() {
  if (simulated_memory_protected()) ProtectedMemory::instance().close();
}

bool simulated_capture() { return recording != nullptr; }
void record_simulated_work(std::function<void()> work) { recording->push_back(std::move(work)); }

DeviceRuntime& detail::simulated_runtime() {
  static DeviceRuntime* const runtime = new SimulatedRuntime;
  return *runtime;
}

}  // namespace telescope
