// SPDX-License-Identifier: MIT
// The pool itself: its own guards are off here but for the test of the guards.
#include "core/memory.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "core/profile.h"
#include "core/tensor.h"
#include "support/compare.h"

using namespace telescope;
using namespace telescope::test;

namespace {
bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}
// What a training step does: many blocks of several sizes, freed in another order.
void step(Device device = {}) {
  std::vector<Tensor> tensors;
  for (std::int64_t i = 1; i < 40; ++i) {
    tensors.push_back(Tensor::zeros({i * 1000}, DType::f32, device));
    if (i % 3 == 0) tensors.erase(tensors.begin());
  }
}
#if defined(__SANITIZE_ADDRESS__)
constexpr bool caching = false;
#else
constexpr bool caching = true;
#endif

const Device sim{DeviceType::cuda_sim, 0};
// Protected blocks are not cached: the pool of the simulated device is looked at without.
const int unprotected = setenv("TELESCOPE_SIM_PROTECT", "0", 1);

std::vector<Storage> three_blocks(Device device) {
  std::vector<Storage> blocks;
  for (int i = 0; i < 3; ++i) blocks.push_back(Storage::allocate(5000, device));
  return blocks;
}
std::set<std::byte*> addresses(const std::vector<Storage>& blocks) {
  std::set<std::byte*> all;
  for (const Storage& block : blocks) all.insert(block.data());
  return all;
}
}  // namespace

TEST_CASE("a step in steady state asks the system for nothing") {
  set_memory_guards(false);
  step();
  const auto calls = memory_use().system_calls;
  for (int i = 0; i < 5; ++i) step();
  if (caching) CHECK(memory_use().system_calls == calls);
  CHECK(memory_use().current == 0);
  release_cached_memory();
  CHECK(memory_use().reserved == 0);
}

TEST_CASE("a smaller mesh takes the memory of a larger one") {
  set_memory_guards(false);
  const auto mesh = [](std::size_t bytes, int count) {
    std::vector<Storage> blocks;
    for (int i = 0; i < count; ++i) blocks.push_back(Storage::allocate(bytes, {}));
  };
  mesh(8 << 20, 4);
  const auto before = memory_use();
  mesh((1 << 20) + 100, 28);  // of other sizes, no multiples
  mesh(8 << 20, 4);
  if (caching) CHECK(memory_use().system_calls == before.system_calls);
  if (caching) CHECK(memory_use().reserved == before.reserved);
  release_cached_memory();
}

TEST_CASE("blocks are aligned, and large enough to be written from end to end") {
  set_memory_guards(false);
  for (const std::size_t bytes : {0u, 1u, 63u, 64u, 65u, 1000u, 4097u, 1u << 20}) {
    const Storage storage = Storage::allocate(bytes, {});
    CHECK(storage.bytes() == bytes);
    CHECK(reinterpret_cast<std::uintptr_t>(storage.data()) % 64 == 0);
    std::memset(storage.data(), 1, bytes);
  }
}

TEST_CASE("use and its peak are counted") {
  set_memory_guards(false);
  reset_peak_memory();
  const auto before = memory_use();
  const std::int64_t mebibyte = 1 << 20;
  {
    const Storage a = Storage::allocate(mebibyte, {});
    {
      const Storage b = Storage::allocate(2 * mebibyte, {});
      CHECK(memory_use().current == before.current + 3 * mebibyte);
    }
    const Storage copy = a;
    CHECK(memory_use().current == before.current + mebibyte);
    CHECK(a.use_count() == 2);
  }
  CHECK(memory_use().current == before.current);
  CHECK(memory_use().peak == before.current + 3 * mebibyte);
  reset_peak_memory();
  CHECK(memory_use().peak == before.current);
}

TEST_CASE("out of memory says who asked, for how much, and what is in use") {
  set_memory_guards(false);
  set_memory_limit(4 << 20);
  const Storage held = Storage::allocate(3 << 20, {});
  const std::string text = error_of([] {
    const Scope scope("conv2d");
    Storage::allocate(2 << 20, {});
  });
  CHECK(text ==
        "out of memory: conv2d asked for 2.0 MiB on cpu, 3.0 MiB are in use of a limit of 4.0 MiB; "
        "a smaller batch, image size or network needs less");
  CHECK(contains(error_of([] { Storage::allocate(2 << 20, {}); }), "an allocation asked for"));
  CHECK_THROWS_AS(Storage::allocate(2 << 20, {}), Failure);
  CHECK(Storage::allocate(1 << 20, {}).bytes() == 1 << 20);  // exactly at the limit
  set_memory_limit(0);
  CHECK(Storage::allocate(2 << 20, {}).bytes() == 2 << 20);
}

TEST_CASE("more than there is in the world is out of memory, not a crash") {
#if defined(__SANITIZE_THREAD__)
  return;
#endif
  if (!caching) return;  // the sanitizer ends the program at a request of that size
  set_memory_guards(false);
  CHECK(contains(error_of([] { Storage::allocate(~std::size_t{0}, {}); }), "out of memory: "));
  const Shape huge{std::int64_t{1} << 58};
  CHECK(contains(error_of([&] { Tensor::empty(huge); }), "out of memory: "));
  CHECK(memory_use().current == 0);
}

TEST_CASE("borrowed memory keeps its owner alive and is never freed by the pool") {
  auto owner = std::make_shared<std::vector<float>>(8, 1.5f);
  const std::weak_ptr<std::vector<float>> watch = owner;
  const auto before = memory_use().current;
  {
    const Tensor view = Tensor::view(Storage::borrow(owner->data(), 32, owner), 0, {8}, DType::f32);
    owner.reset();
    CHECK(!watch.expired());
    CHECK(view.data<float>()[7] == 1.5f);
    CHECK(memory_use().current == before);
  }
  CHECK(watch.expired());
  CHECK(contains(error_of([] { Storage::borrow(nullptr, 0, nullptr); }), "needs an owner"));
}

TEST_CASE("guards are set before the first allocation") {
  set_memory_guards(false);
  const Tensor x = Tensor::zeros({4});
  CHECK(contains(error_of([] { set_memory_guards(true); }), "before the first allocation"));
}

TEST_CASE("guards catch a write in front of, behind and just past a block") {
  set_memory_guards(true);
  const auto violation = [](std::ptrdiff_t at) {
    {
      const Scope scope("broken kernel");
      const Storage storage = Storage::allocate(100, {});
      *(storage.data() + at) = std::byte{1};
    }
    return error_of(check_memory_guards);
  };
  CHECK(violation(0).empty());
  CHECK(violation(99).empty());
  CHECK(violation(100) ==
        "memory guards: something wrote behind a block of 100 bytes allocated in 'broken kernel'");
  CHECK(contains(violation(300), "behind a block"));
  CHECK(contains(violation(-1), "before a block"));
  CHECK(contains(violation(-256), "before a block"));
  CHECK(error_of(check_memory_guards).empty());  // reported once
  CHECK(std::isnan(Tensor::empty({3}).data<float>()[2]));
  CHECK(std::isnan(Tensor::empty({3}, DType::f64).data<double>()[2]));
}

TEST_CASE("every device has a pool of its own") {
  set_memory_guards(false);
  for (const DeviceInfo& info : devices()) {
    if (info.device.is_cpu()) continue;
    CAPTURE(info.device.str());
    const MemoryUse cpu = memory_use();
    step(info.device);
    const auto calls = memory_use(info.device).system_calls;
    CHECK(calls > 0);
    for (int i = 0; i < 5; ++i) step(info.device);
    if (caching) CHECK(memory_use(info.device).system_calls == calls);
    CHECK(memory_use(info.device).current == 0);
    CHECK(memory_use(info.device).peak > 0);
    release_cached_memory(info.device);
    CHECK(memory_use(info.device).reserved == 0);
    CHECK(memory_use().system_calls == cpu.system_calls);
  }
  set_memory_limit(1 << 20, sim);
  CHECK(error_of([] { Storage::allocate(2 << 20, sim); }) ==
        "out of memory: an allocation asked for 2.0 MiB on cuda-sim, 0.0 MiB are in use of a limit "
        "of 1.0 MiB; a smaller batch, image size or network needs less");
  CHECK(Storage::allocate(2 << 20, {}).bytes() == 2 << 20);
  set_memory_limit(0, sim);
}

TEST_CASE("guards surround the blocks of every device") {
  set_memory_guards(true);
  const auto violation = [](std::ptrdiff_t at) {
    {
      const Scope scope("broken kernel");
      const Storage storage = Storage::allocate(100, sim);
      *(storage.data() + at) = std::byte{1};
    }
    return error_of(check_memory_guards);
  };
  CHECK(violation(99).empty());
  CHECK(std::isnan(Tensor::empty({}, DType::f32, sim).item()));
  if (!caching) return;  // the sanitizer stops a write beside a block where it happens
  CHECK(violation(100) ==
        "memory guards: something wrote behind a block of 100 bytes allocated in 'broken kernel' "
        "on cuda-sim");
  CHECK(contains(violation(300), "behind a block"));
  CHECK(contains(violation(-256), "before a block"));
}

TEST_CASE("what a private pool had, nobody else gets before its end") {
  for (const bool guards : {false, true}) {
    set_memory_guards(guards);
    for (const DeviceInfo& info : devices()) {
      const Device device = info.device;
      CAPTURE(device.str());
      std::optional<PrivatePool> pool(std::in_place, device);
      std::set<std::byte*> first;
      {
        const PrivatePoolScope scope(*pool);
        first = addresses(three_blocks(device));
        CHECK(addresses(three_blocks(device)) == first);
      }
      const auto held = pool->bytes();
      CHECK(held >= 3 * 5000);
      const auto all = memory_use(device);
      CHECK(all.current == 0);
      CHECK(all.reserved >= held);
      release_cached_memory(device);
      CHECK(memory_use(device).reserved >= held);
      {
        const auto others = three_blocks(device);
        for (std::byte* data : addresses(others)) CHECK_FALSE(first.contains(data));
        const PrivatePoolScope scope(*pool);
        const auto again = three_blocks(device);
        CHECK(addresses(again) == first);
        CHECK(pool->bytes() == held);
      }
      release_cached_memory(device);
      CHECK(memory_use(device).reserved == held);
      pool.reset();
      CHECK(memory_use(device).reserved == (caching && !guards ? held : 0));
      if (caching && !guards) CHECK(addresses(three_blocks(device)) == first);
      release_cached_memory(device);
      CHECK(memory_use(device).reserved == 0);
    }
  }
}

TEST_CASE("a block that outlives its private pool is freed like any other") {
  set_memory_guards(false);
  Storage block;
  {
    const PrivatePool pool(sim);
    const PrivatePoolScope scope(pool);
    block = Storage::allocate(5000, sim);
  }
  std::memset(block.data(), 1, 5000);
  std::byte* const data = block.data();
  block = {};
  CHECK(memory_use(sim).current == 0);
  if (caching) CHECK(Storage::allocate(5000, sim).data() == data);
  release_cached_memory(sim);
  CHECK(memory_use(sim).reserved == 0);
}

TEST_CASE("scopes of private pools nest, each for its own device") {
  set_memory_guards(false);
  const PrivatePool outer(sim), inner(sim), host(Device{});
  const PrivatePoolScope a(outer);
  const auto one = Storage::allocate(8192, sim);
  const auto held = outer.bytes();
  CHECK(held > 0);
  {
    const PrivatePoolScope b(inner), c(host);
    const auto two = Storage::allocate(8192, sim);
    CHECK(inner.bytes() == held);
    CHECK(outer.bytes() == held);
    CHECK(host.bytes() == 0);
    const auto three = Storage::allocate(8192, {});
    CHECK(host.bytes() == held);
  }
  const auto four = Storage::allocate(8192, sim);
  CHECK(outer.bytes() == 2 * held);
}
