// SPDX-License-Identifier: MIT
// Devices by name, and the simulated one as far as core goes: memory, copies, what the host may not.
#include "core/device.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>

#include "core/device_runtime.h"
#include "core/simulated_device.h"
#include "core/tensor.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {

const Device sim{DeviceType::cuda_sim, 0};
const int always_protected = setenv("TELESCOPE_SIM_PROTECT", "1", 1);

// The signal that ends a process that does this; 0 if it comes to its end.
template <class F>
int signal_of(F&& f) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGSEGV, SIG_DFL);  // neither the test runner's handler nor the sanitizer's
    f();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

volatile std::byte sink;
void read(const std::byte* address) { sink = *static_cast<const volatile std::byte*>(address); }

}  // namespace

TEST_CASE("devices are read by name") {
  CHECK(parse_device("cpu") == Device{});
  CHECK(parse_device("cuda-sim") == sim);
  CHECK(parse_device("cuda-sim").str() == "cuda-sim");
  for (const char* text : {"", "gpu", "CPU", "cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda: 1",
                           "cuda:99999999999999999999", "cuda-sim:0"}) {
    CHECK(
        error_of([&] { parse_device(text); }) ==
        fmt::format("device: expected cpu, cuda, cuda:<number>, cuda-sim or auto, got '{}'", text));
  }
}

TEST_CASE("a device that is not there is an error in one line, and auto is one that is") {
  const std::string text = error_of([] { parse_device("cuda:4095"); });
  CHECK(text.starts_with("device: this "));  // build or machine
  CHECK(text.find('\n') == std::string::npos);
  CHECK(error_of([] { Tensor::zeros({1}, DType::f32, {DeviceType::cuda, 4095}); }) == text);
  const bool gpu = error_of([] { parse_device("cuda"); }).empty();
  CHECK(parse_device("auto") == (gpu ? Device{DeviceType::cuda, 0} : Device{}));
}

TEST_CASE("the devices there are: each can be had by its name") {
  std::set<std::string> names;
  for (const DeviceInfo& info : devices()) {
    CHECK(parse_device(info.device.str()) == info.device);
    CHECK_FALSE(info.name.empty());
    CHECK(info.memory > 1 << 20);
    names.insert(info.device.str());
  }
  CHECK(names.contains("cpu"));
  CHECK(names.contains("cuda-sim"));
}

TEST_CASE("streams know their device and can be waited for") {
  for (const DeviceInfo& info : devices()) {
    const Stream stream = Stream::current(info.device);
    CHECK(stream.device() == info.device);
    CHECK((stream.native() != nullptr) == (info.device.type == DeviceType::cuda));
    stream.synchronize();
  }
}

TEST_CASE("tensors go to a device and come back") {
  for (const DeviceInfo& info : devices()) {
    const Device device = info.device;
    CAPTURE(device.str());
    for (const DType dtype : {DType::f32, DType::f64}) {
      const Tensor x = random_tensor({3, 5, 7}, dtype);
      const Tensor there = x.to(device);
      CHECK(there.device() == device);
      CHECK_SAME(there.to(Device{}), x);
      CHECK_SAME(there.clone().to(Device{}), x);
      CHECK_SAME(there.rows(1, 2).to(Device{}), x.rows(1, 2));
      CHECK_SAME(there.reshape({15, 7}).to(sim).to(Device{}), x.reshape({15, 7}));
      if (device.is_cpu()) continue;
      CHECK(there.storage() != x.storage());
      there.rows(1, 1).fill_zero();
      const Tensor back = there.to(Device{});
      CHECK_SAME(back.rows(0, 1), x.rows(0, 1));
      CHECK_SAME(back.rows(1, 1), Tensor::zeros({1, 5, 7}, dtype));
      CHECK_SAME(back.rows(2, 1), x.rows(2, 1));
    }
    CHECK(Tensor::full({2}, 2.5, DType::f64, device).to_vector<double>() ==
          std::vector<double>{2.5, 2.5});
    CHECK(Tensor::full({}, -3, DType::bf16, device).item() == -3);
    CHECK(Tensor::zeros({0}, DType::i64, device).to_vector<std::int64_t>().empty());
    CHECK(Tensor::zeros({0, 4}, DType::u8).to(device).clone().to(Device{}).numel() == 0);
  }
}

TEST_CASE("the host that touches simulated device memory dies, as with a GPU's") {
  REQUIRE(simulated_memory_protected());
  const Tensor x = Tensor::full({1000}, 7, DType::u8, sim);
  std::byte* const first = x.raw();
  CHECK(signal_of([&] { read(first); }) == SIGSEGV);
  CHECK(signal_of([&] { *first = std::byte{1}; }) == SIGSEGV);
  CHECK(signal_of([&] { std::memcpy(first, first + 500, 8); }) == SIGSEGV);
  CHECK(x.to_vector<std::uint8_t>() == std::vector<std::uint8_t>(1000, 7));
}

TEST_CASE("a simulated kernel may touch its blocks, not what lies behind them") {
  const Tensor x = Tensor::full({1024}, 7, DType::u8, sim);
  CHECK(signal_of([&] {
          const SimulatedDeviceAccess outer;
          { const SimulatedDeviceAccess inner; }
          for (int i = 0; i < 1024; ++i) read(x.raw() + i);
          const Tensor fresh = Tensor::empty({64}, DType::u8, sim);
          *fresh.raw() = std::byte{1};
        }) == 0);
  CHECK(signal_of([&] {
          const SimulatedDeviceAccess access;
          read(x.raw() + 1024);
        }) == SIGSEGV);
  CHECK(signal_of([&] {
          { const SimulatedDeviceAccess access; }
          read(x.raw());
        }) == SIGSEGV);
  for (const std::int64_t bytes : {1, 63, 65, 4095, 4096, 4097, 100000}) {
    const Tensor odd = Tensor::zeros({bytes}, DType::u8, sim);
    CHECK(reinterpret_cast<std::uintptr_t>(odd.raw()) % 64 == 0);
    CHECK(signal_of([&] {
            const SimulatedDeviceAccess access;
            read(odd.raw() + (bytes + 63) / 64 * 64);
          }) == SIGSEGV);
  }
}

TEST_CASE("guards see what pages cannot: a write before a block, and just past its end") {
  const auto violation = [](std::ptrdiff_t at) {
    {
      const Storage storage = Storage::allocate(100, sim);
      const SimulatedDeviceAccess access;
      *(storage.data() + at) = std::byte{1};
    }
    return error_of(check_memory_guards);
  };
  CHECK(violation(0).empty());
  CHECK(violation(99).empty());
  CHECK(violation(-1).find("before a block of 100 bytes") != std::string::npos);
  CHECK(violation(100).find("behind a block of 100 bytes") != std::string::npos);
}
