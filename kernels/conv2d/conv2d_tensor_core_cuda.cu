// SPDX-License-Identifier: MIT
// Convolution as a product of matrices on the tensor cores (mma.sync), forward and input gradient:
// y[n h w][k] = sum over (r s c) of x gathered [n h w][r s c] weight[k][r s c]. Over implicit_gemm it
// adds: mma of 16x8x8 tf32 or 16x8x16 bf16 instead of scalar products, cp.async through three or
// four stages, swizzled shared memory read by ldmatrix.
//
// A warp of 64 x 64 outputs reads 2 x 64 rows from shared memory for 64 x 64 products: 1/16 byte per
// FLOP of tf32, 1/32 of bf16; at 128 bytes a cycle that allows 1024 tf32 products a cycle, which is
// about what the tensor cores can do, so tiles smaller than 128x128 are bound by shared memory, and
// with fewer than 64 channels by the second-level cache. 96 KB of stages and 255 registers make two
// blocks of four warps a multiprocessor (one on an A100).
#include "kernels/conv2d/conv2d_cuda.h"
#include "kernels/conv2d/conv2d_tensor_core_epilogue.h"
#include "kernels/conv2d/conv2d_tensor_core_halo.h"
#include "kernels/workspace.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

using namespace tensor_core;

using M128N128 = Tile<128, 128, 64, 64, 3, 2>;
using M128N64 = Tile<128, 64, 64, 32, 3, 3>;
using M128N64Narrow = Tile<128, 64, 64, 32, 3, 2>;  // element by element: more addresses
using M128N32 = Tile<128, 32, 32, 32, 3, 3>;
using M64N64 = Tile<64, 64, 32, 32, 4, 3>;

struct NoLook {
  __device__ void operator()(const unsigned char*, int) const {}
};

template <class T, class Tile, bool wide>
__global__ void __launch_bounds__(threads, Tile::blocks)
    gather_kernel(const Gather<T> gather, const Epilogue epilogue) {
  constexpr int stage_bytes = (Tile::m + Tile::n) * row_bytes;
  static_assert(output_bytes<T, Tile> <= Tile::stages * stage_bytes);
  auto* memory = dynamic_shared<unsigned char>();
  auto& table = *reinterpret_cast<RowTable<Tile::m>*>(memory + Tile::stages * stage_bytes);
  const Phase& phase = gather.phases[blockIdx.y];
  // Blocks of the same rows come one after the other and find them in the second-level cache.
  const unsigned across = (static_cast<unsigned>(gather.k) + Tile::n - 1) / Tile::n;
  const std::int64_t first_row = std::int64_t{blockIdx.x / across} * Tile::m;
  const int first_column = static_cast<int>(blockIdx.x % across) * Tile::n;
  if (first_row >= phase.rows) return;
  fill_row_table(gather, phase, first_row, table);

  Loader<T, Tile, wide> loader(gather, phase, table, first_column);
  const auto load = [&](unsigned char* stage) { loader.load(stage); };
  const int length = phase.r * phase.s * gather.c;
  const int slices = (length + slice_elements<T> - 1) / slice_elements<T>;
  Sums<Tile> sums{};
  multiply<T, Tile>(memory, stage_bytes, slices, RowOperands<T, Tile>(), load, NoLook(), sums);
  finish(gather, epilogue, first_column, table.pixels, sums, reinterpret_cast<T*>(memory));
}

template <class T, class Tile, bool wide>
void launch_gather(const Stream& stream, const Gather<T>& gather, int phases, Epilogue epilogue) {
  std::int64_t rows = 0;
  for (int i = 0; i < phases; ++i) rows = std::max(rows, gather.phases[i].rows);
  const std::int64_t across = (gather.k + Tile::n - 1) / Tile::n;
  const std::int64_t blocks = (rows + Tile::m - 1) / Tile::m * across;
  constexpr std::size_t bytes =
      Tile::stages * (Tile::m + Tile::n) * row_bytes + sizeof(RowTable<Tile::m>);
  launch<gather_kernel<T, Tile, wide>>(
      stream, dim3(static_cast<unsigned>(blocks), static_cast<unsigned>(phases)), threads, bytes,
      gather, epilogue);
}

// The fewest rounds of blocks over the chip, weighed by the work of a round: smaller tiles fill the
// chip better, larger ones read less for each product.
template <class T>
TensorCoreTile tile_for(const Gather<T>& gather, int phases) {
  if (gather.k <= 32) return TensorCoreTile::m128n32;
  std::int64_t rows = 0;
  for (int i = 0; i < phases; ++i) rows += gather.phases[i].rows;
  const auto cost = [&](std::int64_t m, std::int64_t n, std::int64_t blocks, double per_output) {
    const std::int64_t tiles = ((rows + m - 1) / m) * ((gather.k + n - 1) / n);
    const std::int64_t rounds = (tiles + multiprocessors * blocks - 1) / (multiprocessors * blocks);
    // A round that is not full takes the time of the blocks that share a multiprocessor.
    const std::int64_t together = std::min(blocks, (tiles + multiprocessors - 1) / multiprocessors);
    return static_cast<double>(m * n * ((rounds - 1) * blocks + together)) * per_output;
  };
  // Bytes of shared memory per product in units of the largest tile's: 4 (1/64 + 1/64) and so on.
  const double large = cost(128, 128, 2, 1), middle = cost(128, 64, 3, 1.5);
  const double small = cost(64, 64, 3, 2);
  if (large <= middle && large <= small) return TensorCoreTile::m128n128;
  return middle <= small ? TensorCoreTile::m128n64 : TensorCoreTile::m64n64;
}

// Outputs across of a block that works on a halo; 0 if none is wanted. A halo is always better than a
// gather by tiles as large.
int columns_of_halo(TensorCoreTile tile, bool automatic) {
  switch (tile) {
    case TensorCoreTile::halo_n128:
      return 128;
    case TensorCoreTile::halo_n64:
      return 64;
    case TensorCoreTile::halo_n32:
      return 32;
    case TensorCoreTile::m128n128:
      return automatic ? 128 : 0;
    case TensorCoreTile::m128n64:
      return automatic ? 64 : 0;
    case TensorCoreTile::m128n32:
      return automatic ? 32 : 0;
    default:
      return 0;
  }
}

template <class T>
void run(const Stream& stream, Gather<T> gather, int phases, Epilogue epilogue,
         TensorCoreTile tile) {
  gather.wide_stores = gather.k % chunk_elements<T> == 0 && aligned_to(chunk_bytes, gather.y);
  if (gather.c % chunk_elements<T> || !aligned_to(chunk_bytes, gather.x, gather.weight)) {
    return launch_gather<T, M128N64Narrow, false>(stream, gather, phases, epilogue);
  }
  const bool automatic = tile == TensorCoreTile::automatic;
  if (automatic) tile = tile_for(gather, phases);
  const int halo_columns = columns_of_halo(tile, automatic);
  const HaloTile halo = halo_columns ? halo_tile_for(gather, gather.phases[0]) : HaloTile();
  if (halo.images) return launch_halo(stream, gather, halo, halo_columns, epilogue);
  switch (tile) {
    case TensorCoreTile::m128n128:
      return launch_gather<T, M128N128, true>(stream, gather, phases, epilogue);
    case TensorCoreTile::m128n32:
      return launch_gather<T, M128N32, true>(stream, gather, phases, epilogue);
    case TensorCoreTile::m64n64:
      return launch_gather<T, M64N64, true>(stream, gather, phases, epilogue);
    default:
      return launch_gather<T, M128N64, true>(stream, gather, phases, epilogue);
  }
}

// --- input gradient ------------------------------------------------------------------------------

// One axis of a phase: pixels p, p + stride, ... of dx, which see taps first, first + stride, ...
struct PhaseAxis {
  int first, taps, before, pixels;
  PhaseAxis(std::int64_t p, std::int64_t taps_in_all, std::int64_t stride, std::int64_t padding,
            std::int64_t extent) {
    first = static_cast<int>((p + padding) % stride);
    taps = static_cast<int>(first < taps_in_all ? (taps_in_all - first - 1) / stride + 1 : 0);
    // dx(p + i stride) gets dy(i + (p + padding - first) / stride - q) of tap first + q stride; the
    // taps are turned round, so that dy is read forwards.
    before = taps - 1 - static_cast<int>((p + padding - first) / stride);
    pixels = static_cast<int>(p < extent ? (extent - p - 1) / stride + 1 : 0);
  }
};

// weight [k][r][s][c] to [c][taps, turned][k] of one phase, as T: a tile of (k, c) at one tap.
constexpr int turn_tile = 32, turn_rows = 8;
struct TurnTile {
  float of[turn_tile][turn_tile + 1];
};

struct Turn {
  int k, r, s, c, stride;
  int first_r, first_s, taps_r, taps_s;
};

template <class T>
__global__ void turn_kernel(const Turn turn, const float* __restrict__ weight,
                            T* __restrict__ turned) {
  auto& tile = shared<TurnTile>().of;
  const int across = (turn.k + turn_tile - 1) / turn_tile;
  const int k = static_cast<int>(blockIdx.x) % across * turn_tile;
  const int c = static_cast<int>(blockIdx.x) / across * turn_tile;
  const int tap = static_cast<int>(blockIdx.y), taps = turn.taps_r * turn.taps_s;
  const int r = turn.first_r + turn.stride * (turn.taps_r - 1 - tap / turn.taps_s);
  const int s = turn.first_s + turn.stride * (turn.taps_s - 1 - tap % turn.taps_s);
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  for (int i = y; i < turn_tile; i += turn_rows) {
    if (k + i < turn.k && c + x < turn.c) {
      tile[i][x] = weight[((std::int64_t{k + i} * turn.r + r) * turn.s + s) * turn.c + c + x];
    }
  }
  __syncthreads();
  for (int i = y; i < turn_tile; i += turn_rows) {
    if (c + i < turn.c && k + x < turn.k) {
      turned[(std::int64_t{c + i} * taps + tap) * turn.k + k + x] = static_cast<T>(tile[x][i]);
    }
  }
}

// Weights as the tensor cores read them: f32 as they are, else rounded to bf16, which costs one pass
// over them.
template <class T>
class StoredWeight {
 public:
  StoredWeight(const Stream& stream, std::int64_t n, const float* weight)
      : rounded_(rounds ? n : 0, stream.device()) {
    if constexpr (rounds) {
      map_converted(stream, n, rounded_.data(), weight);
      data_ = rounded_.data();
    } else {
      data_ = weight;
    }
  }
  const T* data() const { return data_; }

 private:
  static constexpr bool rounds = !std::is_same_v<T, float>;
  Workspace<T> rounded_;
  const T* data_;
};

}  // namespace

template <class T>
void conv2d_tensor_core_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                                const Wide<T>* weight, const Wide<T>* bias, T* y, Epilogue epilogue,
                                TensorCoreTile tile) {
  const StoredWeight<T> stored(stream, shape.weight_shape().numel(), weight);
  const auto number = [](std::int64_t i) { return static_cast<int>(i); };
  Gather<T> gather;
  gather.x = x;
  gather.weight = stored.data();
  gather.bias = bias;
  gather.y = y;
  gather.h = number(shape.h);
  gather.w = number(shape.w);
  gather.c = number(shape.c);
  gather.k = number(shape.k);
  gather.y_h = number(shape.out_h());
  gather.y_w = number(shape.out_w());
  gather.stride = number(shape.stride);
  gather.out_step = 1;
  Phase& phase = gather.phases[0];
  phase.r = number(shape.r);
  phase.s = number(shape.s);
  phase.top = number(shape.padding);
  phase.left = number(shape.padding);
  phase.out_h = gather.y_h;
  phase.out_w = gather.y_w;
  phase.rows = shape.n * shape.out_h() * shape.out_w();
  run(stream, gather, 1, epilogue, tile);
}

// The stride^2 phases of dx are dense convolutions of dy with some of the taps, turned round; four at
// a time in one launch.
template <class T>
void conv2d_tensor_core_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                                       const Wide<T>* weight, T* dx, TensorCoreTile tile) {
  const auto number = [](std::int64_t i) { return static_cast<int>(i); };
  const Workspace<T> turned(shape.weight_shape().numel(), stream.device());
  Gather<T> gather;
  gather.x = dy;
  gather.weight = turned.data();
  gather.bias = nullptr;
  gather.y = dx;
  gather.h = number(shape.out_h());
  gather.w = number(shape.out_w());
  gather.c = number(shape.k);
  gather.k = number(shape.c);
  gather.y_h = number(shape.h);
  gather.y_w = number(shape.w);
  gather.stride = 1;
  gather.out_step = number(shape.stride);
  const std::int64_t phases = shape.stride * shape.stride;
  std::int64_t at = 0;
  int waiting = 0;
  for (std::int64_t i = 0; i < phases; ++i) {
    const PhaseAxis row(i / shape.stride, shape.r, shape.stride, shape.padding, shape.h);
    const PhaseAxis column(i % shape.stride, shape.s, shape.stride, shape.padding, shape.w);
    const int taps = row.taps * column.taps;
    const Turn turn{number(shape.k),      number(shape.r), number(shape.s), number(shape.c),
                    number(shape.stride), row.first,       column.first,    row.taps,
                    column.taps};
    const unsigned tiles = blocks_for(shape.k, turn_tile) * blocks_for(shape.c, turn_tile);
    launch<turn_kernel<T>>(stream, dim3(tiles, static_cast<unsigned>(taps)),
                           dim3(turn_tile, turn_rows), 0, turn, weight, turned.data() + at);
    Phase& phase = gather.phases[waiting++];
    phase.r = row.taps;
    phase.s = column.taps;
    phase.top = row.before;
    phase.left = column.before;
    phase.out_h = row.pixels;
    phase.out_w = column.pixels;
    phase.first_row = number(i / shape.stride);
    phase.first_column = number(i % shape.stride);
    phase.rows = shape.n * row.pixels * column.pixels;
    phase.weight = at;
    at += taps * shape.c * shape.k;
    if (waiting == most_phases || i + 1 == phases) {
      run(stream, gather, waiting, {}, tile);
      waiting = 0;
    }
  }
}

// As a step of the ladder. Qualified, since kernels:: has functions of the same names.
template <class T>
void tensor_core_forward(const Stream& stream, const Conv2dShape& shape, const T* x,
                         const float* weight, const float* bias, T* y) {
  TELESCOPE_CUDA_NAMESPACE::conv2d_tensor_core_forward(stream, shape, x, weight, bias, y,
                                                       Epilogue(), TensorCoreTile::automatic);
}

template <class T>
void tensor_core_input_gradient(const Stream& stream, const Conv2dShape& shape, const T* dy,
                                const float* weight, T* dx) {
  TELESCOPE_CUDA_NAMESPACE::conv2d_tensor_core_input_gradient(stream, shape, dy, weight, dx,
                                                              TensorCoreTile::automatic);
}

template <class T>
void conv2d_tensor_core_weight_gradient(const Stream&, const Conv2dShape&, const T*, const T*,
                                        Wide<T>*, Wide<T>*,
                                        TensorCoreTile);  // conv2d_tensor_core_weight_cuda.cu

template <class T>
void tensor_core_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x,
                                 const T* dy, float* dweight, float* dbias) {
  TELESCOPE_CUDA_NAMESPACE::conv2d_tensor_core_weight_gradient(stream, shape, x, dy, dweight, dbias,
                                                               TensorCoreTile::automatic);
}

#define TELESCOPE_INSTANTIATE(T)                                                               \
  template void conv2d_tensor_core_forward(const Stream&, const Conv2dShape&, const T*,        \
                                           const Wide<T>*, const Wide<T>*, T*, Epilogue,       \
                                           TensorCoreTile);                                    \
  template void conv2d_tensor_core_input_gradient(const Stream&, const Conv2dShape&, const T*, \
                                                  const Wide<T>*, T*, TensorCoreTile);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE
TELESCOPE_INSTANTIATE_CONV2D(tensor_core, float)
TELESCOPE_INSTANTIATE_CONV2D(tensor_core, bfloat16)

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
