// SPDX-License-Identifier: MIT
#include "core/device_runtime.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <new>
#include <string>

#include "core/error.h"
#include "core/profile.h"

namespace telescope {
namespace {

constexpr std::align_val_t alignment{64}, large_page{2 << 20};

#if defined(__SANITIZE_ADDRESS__)
constexpr bool caching = false;  // so that the sanitizer sees every use after free
#else
constexpr bool caching = true;
#endif

std::align_val_t alignment_of(std::size_t bytes) {
  return caching && bytes >= 2 * static_cast<std::size_t>(large_page) ? large_page : alignment;
}

std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);) {
    const auto colon = line.find(": ");
    if (line.starts_with("model name") && colon != std::string::npos) return line.substr(colon + 2);
  }
  return "the host's processor";
}

std::int64_t host_memory() {
  return static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

}  // namespace

DeviceRuntime& runtime_of(const Device& device) {
  // Never destroyed: tensors may outlive static objects.
  static DeviceRuntime* const host = new detail::HostRuntime(Device{});
  switch (device.type) {
    case DeviceType::cpu:
      return *host;
    case DeviceType::cuda_sim:
      return detail::simulated_runtime();
    case DeviceType::cuda:
      return detail::cuda_runtime(device.index);
  }
  raise("device", "there is no device type {}", static_cast<int>(device.type));
}

namespace detail {

#ifndef TELESCOPE_CUDA
int cuda_device_count() { return 0; }
DeviceRuntime& cuda_runtime(int) {
  raise("device", "this build has no CUDA; it has cpu and cuda-sim");
}
#endif

DeviceInfo HostRuntime::info() const { return {device_, processor_name(), host_memory()}; }

BlockPolicy HostRuntime::block_policy() const { return {.cached = caching}; }

// In large pages where the system has them: kernels stride over images, and each page they come to
// costs a translation of its address, at first a fault.
std::byte* HostRuntime::allocate(std::size_t bytes) {
  const std::align_val_t at = alignment_of(bytes);
  void* const data = ::operator new(bytes, at, std::nothrow);
#ifdef MADV_HUGEPAGE
  if (data && at == large_page) madvise(data, bytes, MADV_HUGEPAGE);
#endif
  return static_cast<std::byte*>(data);
}

void HostRuntime::free(std::byte* data, std::size_t bytes) noexcept {
  ::operator delete(data, alignment_of(bytes));
}

std::byte* HostRuntime::allocate_host(std::size_t bytes) { return HostRuntime::allocate(bytes); }
void HostRuntime::free_host(std::byte* data, std::size_t bytes) noexcept {
  HostRuntime::free(data, bytes);
}

void HostRuntime::copy(void* to, const void* from, std::size_t bytes, CopyKind, const Stream&) {
  if (bytes) std::memmove(to, from, bytes);
}

void HostRuntime::fill(void* to, unsigned char value, std::size_t bytes, const Stream&) {
  if (bytes) std::memset(to, value, bytes);
}

// An event of the host is a time of its clock.
void* HostRuntime::create_event() { return new double(0); }
void HostRuntime::destroy_event(void* event) noexcept { delete static_cast<double*>(event); }
void HostRuntime::record_event(void* event, const Stream&) {
  *static_cast<double*>(event) = now_seconds();
}
double HostRuntime::seconds_between(void* start, void* end) {
  return *static_cast<double*>(end) - *static_cast<double*>(start);
}

}  // namespace detail
}  // namespace telescope
