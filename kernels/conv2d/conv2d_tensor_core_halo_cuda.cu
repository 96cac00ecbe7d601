// SPDX-License-Identifier: MIT
// Forward convolution and input gradient with a stride of 1 on the tensor cores, from tiles of the
// image with their halo. The gather of conv2d_tensor_core_cuda.cu reads x once for each tap from the
// second-level cache: 24 KB for 128 x 64 outputs and 32 channels, which at about 30 bytes a cycle is
// 330 products a cycle of 640 or so that mma.sync can do. A halo is 180 pixels for 128 outputs and
// serves nine taps, which leaves 10.6 KB, most of it weights; then shared memory bounds it (1/16 byte
// per FLOP of tf32 at 64 x 64 outputs a warp). Two halos, so that one is copied while the other is
// read, and three slices of weights: 100 KB for 128 x 128 outputs, two blocks of four warps.
#include <array>

#include "kernels/conv2d/conv2d_tensor_core_epilogue.h"
#include "kernels/conv2d/conv2d_tensor_core_halo.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

using namespace tensor_core;

using M128N128 = Tile<128, 128, 64, 64, 3, 2>;
using M128N64 = Tile<128, 64, 64, 32, 3, 2>;
using M128N32 = Tile<128, 32, 32, 32, 3, 2>;

template <class T, class Tile>
__global__ void __launch_bounds__(threads, Tile::blocks)
    halo_kernel(const Gather<T> gather, const HaloTile tile, const Epilogue epilogue) {
  constexpr int stage_bytes = Tile::n * row_bytes;
  auto& table = *dynamic_shared<HaloTable<Tile::m>>();
  auto* memory = dynamic_shared<unsigned char>() + sizeof(HaloTable<Tile::m>);
  unsigned char* halos = memory + Tile::stages * stage_bytes;
  const unsigned across = (static_cast<unsigned>(gather.k) + Tile::n - 1) / Tile::n;
  const int first_column = static_cast<int>(blockIdx.x % across) * Tile::n;
  fill_halo_table(gather, tile, blockIdx.x / across, table);

  const Phase& phase = gather.phases[0];
  HaloLoader<T, Tile> loader(gather, tile.pixels(), table, halos, first_column);
  const auto load = [&](unsigned char* stage) { loader.load(stage); };
  HaloOperands<T, Tile> operands(halos, tile, phase.s);
  const auto next = [&](const unsigned char*, int) { operands.next_tap(); };
  Sums<Tile> sums{};
  multiply<T, Tile>(memory, stage_bytes, phase.r * phase.s * (gather.c / slice_elements<T>),
                    operands, load, next, sums);
  finish(gather, epilogue, first_column, table.y, sums, reinterpret_cast<T*>(memory));
}

template <class T, class Tile>
void launch_tiles(const Stream& stream, const Gather<T>& gather, const HaloTile& tile,
                  Epilogue epilogue) {
  const std::int64_t blocks = tile.count() * ((gather.k + Tile::n - 1) / Tile::n);
  const int memory = std::max(Tile::stages * Tile::n * row_bytes + 2 * tile.pixels() * halo_pitch,
                              output_bytes<T, Tile>);
  launch<halo_kernel<T, Tile>>(stream, static_cast<unsigned>(blocks), threads,
                               sizeof(HaloTable<Tile::m>) + static_cast<std::size_t>(memory),
                               gather, tile, epilogue);
}

}  // namespace

namespace tensor_core {

template <class T>
HaloTile halo_tile_for(const Gather<T>& gather, const Phase& phase) {
  constexpr double least_use =
      0.75;  // of a tile; below, copying more is cheaper than to waste more
  if (gather.stride != 1 || gather.out_step != 1 || gather.c % slice_elements<T> != 0 ||
      phase.r * phase.s < M128N128::stages) {
    return {};
  }
  HaloTile best;
  double best_use = 0;
  const std::int64_t outputs = phase.rows;
  for (const auto& [images, rows, columns] : {std::array{1, 8, 16}, {2, 8, 8}, {1, 4, 32}}) {
    HaloTile tile{images, rows, columns};
    tile.down = (phase.out_h + rows - 1) / rows;
    tile.across = (phase.out_w + columns - 1) / columns;
    tile.halo_h = rows + phase.r - 1;
    tile.halo_w = columns + phase.s - 1;
    tile.n = outputs / (std::int64_t{phase.out_h} * phase.out_w);
    const double use =
        static_cast<double>(outputs) / static_cast<double>(tile.count() * images * rows * columns);
    if (tile.pixels() > most_halo_pixels || use < least_use || use <= best_use) continue;
    best = tile;
    best_use = use;
  }
  return best;
}

template <class T>
void launch_halo(const Stream& stream, const Gather<T>& gather, const HaloTile& tile, int columns,
                 Epilogue epilogue) {
  if (columns == 128) return launch_tiles<T, M128N128>(stream, gather, tile, epilogue);
  if (columns == 64) return launch_tiles<T, M128N64>(stream, gather, tile, epilogue);
  launch_tiles<T, M128N32>(stream, gather, tile, epilogue);
}

#define TELESCOPE_INSTANTIATE(T)                                   \
  template HaloTile halo_tile_for(const Gather<T>&, const Phase&); \
  template void launch_halo(const Stream&, const Gather<T>&, const HaloTile&, int, Epilogue);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace tensor_core
}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
