// SPDX-License-Identifier: MIT
#include "kernels/simt/simulator.h"

#include <cstdlib>
#include <numeric>

#include "core/error.h"
#include "core/parallel.h"
#include "core/simulated_device.h"
#include "kernels/simt/block.h"

namespace telescope::simt {
namespace {

constexpr std::size_t most_threads = 1024, most_shared = 227 * 1024, most_grid_y = 65535;

std::uint64_t seed_of_order() {
  static const std::uint64_t seed = [] {
    const char* text = std::getenv("TELESCOPE_SIM_SEED");
    return text ? std::strtoull(text, nullptr, 10) : 1;
  }();
  return seed;
}

void check(std::string_view kernel, const Geometry& g) {
  TELESCOPE_CHECK(g.block.count() >= 1 && g.block.count() <= most_threads && g.block.z <= 64,
                  kernel, "a block has 1 to {} threads, asked for {} x {} x {}", most_threads,
                  g.block.x, g.block.y, g.block.z);
  TELESCOPE_CHECK(g.grid.x <= 0x7fffffffu && g.grid.y <= most_grid_y && g.grid.z <= most_grid_y,
                  kernel, "a grid has at most 2^31-1 x {} x {} blocks, asked for {} x {} x {}",
                  most_grid_y, most_grid_y, g.grid.x, g.grid.y, g.grid.z);
  TELESCOPE_CHECK(g.shared_bytes <= most_shared, kernel,
                  "a block has at most {} bytes of shared memory, asked for {}", most_shared,
                  g.shared_bytes);
}

}  // namespace

void run_grid(std::string_view kernel, const Geometry& geometry, void (*body)(const void*),
              const void* context) {
  check(kernel, geometry);
  const auto blocks = static_cast<std::int64_t>(geometry.grid.count());
  if (blocks == 0) return;
  const SimulatedDeviceAccess access;
  const Launch launch{kernel, geometry, body, context, seed_of_order()};
  // Blocks out of order as well: none may count on an earlier one.
  std::int64_t step = launch.seed ? static_cast<std::int64_t>(launch.seed % 1000) * 2 + 617 : 1;
  while (std::gcd(step, blocks) != 1) ++step;
  parallel_for(blocks, 1, [&](std::int64_t begin, std::int64_t end) {
    thread_local Block block;
    for (std::int64_t i = begin; i < end; ++i) {
      const std::int64_t number = i * step % blocks, nx = geometry.grid.x, ny = geometry.grid.y;
      block.run(launch,
                {static_cast<unsigned>(number % nx), static_cast<unsigned>(number / nx % ny),
                 static_cast<unsigned>(number / nx / ny)});
    }
  });
}

}  // namespace telescope::simt
