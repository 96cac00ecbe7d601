// SPDX-License-Identifier: MIT
// Gradient of a convolution's weights on the tensor cores: dweight[k][r s c] = sum over the pixels
// [n h w] of dy, transposed, times x gathered. Both operands lie across the reduction: rows of a
// slice are pixels, bf16 comes to the mma by the transposing ldmatrix, tf32 by loads of four columns.
//
// The result is small and the sum long, so the pixels are split over blocks until they fill the
// chip; partial sums go to a workspace and a second launch adds them in order. x is read once for
// each tap and dy once for each tile of columns, from the second-level cache for the most part: with
// 64 channels that is what bounds it. 104 KB of stages in the largest tile: two blocks of four warps
// a multiprocessor.
#include "kernels/conv2d/conv2d_tensor_core_gather.h"
#include "kernels/conv2d/conv2d_tensor_core_weight.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

using namespace tensor_core;

using M128N128 = Tile<128, 128, 64, 64, 3, 2>;
using M64N128 = Tile<64, 128, 32, 64, 3, 2>;
using M32N128 = Tile<32, 128, 32, 32, 3, 3>;
using M64N64 = Tile<64, 64, 32, 32, 3, 3>;

/// Where the pixels of two slices see x: of the one that is copied and of the one after it.
template <class T>
struct PixelTable {
  Origin origins[2][slice_elements<T>];
};

template <class T>
__device__ __forceinline__ void fill_pixel_table(const PixelSum<T>& sum, unsigned slice,
                                                 PixelTable<T>& table) {
  const unsigned row = threadIdx.x;
  if (row >= slice_elements<T>) return;
  const unsigned index = slice * slice_elements<T> + row;
  constexpr int nowhere = -(1 << 30);
  Origin origin{0, nowhere, nowhere};
  if (index < sum.pixels) {
    const auto out_w = static_cast<unsigned>(sum.out_w), out_h = static_cast<unsigned>(sum.out_h);
    const unsigned line = index / out_w, n = line / out_h;
    origin.row = static_cast<int>(line - n * out_h) * sum.stride - sum.padding;
    origin.column = static_cast<int>(index - line * out_w) * sum.stride - sum.padding;
    origin.offset = ((std::int64_t{n} * sum.h + origin.row) * sum.w + origin.column) * sum.c;
  }
  table.origins[slice % 2][row] = origin;
}

// One thread's share of the copies of an operand: column `column` (of `width` elements) of every
// rows_apart-th pixel.
template <class T, int n, bool wide>
struct ColumnCopies {
  static constexpr int width = wide ? chunk_elements<T> : 1;
  static constexpr int columns = n / width, rows_apart = threads / columns;
  static constexpr int bytes = width * static_cast<int>(sizeof(T));
  int row, column;
  __device__ ColumnCopies()
      : row(static_cast<int>(threadIdx.x) / columns),
        column(static_cast<int>(threadIdx.x) % columns * width) {}

  __device__ __forceinline__ void copy(unsigned char* operand, int r, const T* from,
                                       const T* anywhere, bool valid) const {
    T* to = reinterpret_cast<T*>(operand) + (row + r) * padded(n) + column;
    if constexpr (bytes >= 4) {
      copy_async<bytes>(to, valid ? from : anywhere, valid ? bytes : 0);
    } else {
      *to = valid ? *from : T{};
    }
  }
};

template <class T, class Tile, bool wide_dy, bool wide_x>
class PixelLoader {
 public:
  __device__ PixelLoader(const PixelSum<T>& sum, PixelTable<T>& table, int m, int n,
                         unsigned first_slice)
      : sum_(sum),
        table_(table),
        slice_(first_slice),
        dy_(sum.dy + (std::int64_t{first_slice} * slice_elements<T> + dy_copies_.row) * sum.k + m +
            dy_copies_.column),
        dy_inside_(m + dy_copies_.column < sum.k),
        x_inside_(n + x_copies_.column < sum.columns) {
    const int column = n + x_copies_.column, tap = column / max(sum.c, 1), r = tap / sum.s;
    tap_ = {r, tap - r * sum.s, column - tap * sum.c};
    x_ = sum.x + std::int64_t{tap_.r * sum.w + tap_.s} * sum.c + tap_.c;
    fill_pixel_table(sum, first_slice, table);
  }

  /// Starts the copies of the next slice, whose pixels have been worked out before the barrier.
  __device__ __forceinline__ void load(unsigned char* stage) {
    const unsigned first = slice_ * slice_elements<T> + static_cast<unsigned>(dy_copies_.row);
    const T* dy = dy_;
    TELESCOPE_UNROLL
    for (int row = 0; row < slice_elements<T>; row += dy_copies_.rows_apart) {
      const bool valid = dy_inside_ && first + static_cast<unsigned>(row) < sum_.pixels;
      dy_copies_.copy(stage, row, dy, sum_.dy, valid);
      dy += std::int64_t{dy_copies_.rows_apart} * sum_.k;
    }
    dy_ += std::int64_t{slice_elements<T>} * sum_.k;
    const auto height = static_cast<unsigned>(sum_.h), breadth = static_cast<unsigned>(sum_.w);
    TELESCOPE_UNROLL
    for (int row = 0; row < slice_elements<T>; row += x_copies_.rows_apart) {
      const Origin origin = table_.origins[slice_ % 2][x_copies_.row + row];
      const bool valid = x_inside_ && static_cast<unsigned>(origin.row + tap_.r) < height &&
                         static_cast<unsigned>(origin.column + tap_.s) < breadth;
      x_copies_.copy(stage + ColumnOperands<T, Tile>::a_bytes, row, x_ + origin.offset, sum_.x,
                     valid);
    }
    fill_pixel_table(sum_, ++slice_, table_);
  }

 private:
  const PixelSum<T>& sum_;
  PixelTable<T>& table_;
  ColumnCopies<T, Tile::m, wide_dy> dy_copies_;
  ColumnCopies<T, Tile::n, wide_x> x_copies_;
  unsigned slice_;
  const T *dy_, *x_ = nullptr;
  bool dy_inside_, x_inside_;
  Tap tap_{};
};

template <class T, class Tile, bool wide_dy, bool wide_x>
__global__ void __launch_bounds__(threads, Tile::blocks) pixel_sum_kernel(const PixelSum<T> sum) {
  using Operands = ColumnOperands<T, Tile>;
  constexpr int stage_bytes = Operands::a_bytes + Operands::b_bytes;
  auto* memory = dynamic_shared<unsigned char>();
  auto& table = *reinterpret_cast<PixelTable<T>*>(memory + Tile::stages * stage_bytes);
  const auto across = static_cast<unsigned>(sum.across);
  const int m = static_cast<int>(blockIdx.x / across) * Tile::m;
  const int n = static_cast<int>(blockIdx.x % across) * Tile::n;
  const int first = static_cast<int>(blockIdx.y) * sum.slices_per_split;
  const int slices = min(sum.slices_per_split, sum.slices - first);
  PixelLoader<T, Tile, wide_dy, wide_x> loader(sum, table, m, n, static_cast<unsigned>(first));
  const auto load = [&](unsigned char* stage) { loader.load(stage); };

  BiasSum<T, Tile, slice_elements<T>> bias(sum, m);
  const auto add_bias = [&](const unsigned char* stage, int slice) { bias.add(stage, slice); };
  Sums<Tile> sums{};
  multiply<T, Tile>(memory, stage_bytes, slices, Operands(), load, add_bias, sums);

  float* partial = sum.partial + std::int64_t{blockIdx.y} * sum.k * sum.pitch;
  Operands::for_each(sums, [&](int row, int c, const auto& values) {
    if (m + row < sum.k) store(partial + std::int64_t{m + row} * sum.pitch + n + c, values);
  });
  bias.store();
}

// to[row][column] += the sum over the parts of from[part][row][column]: eight threads take every
// eighth part each.
constexpr int sum_columns = 32, sum_groups = 8;
struct PartSums {
  double of[sum_groups][sum_columns];
};

__global__ void add_parts_kernel(const float* __restrict__ from, int parts, std::int64_t part_pitch,
                                 std::int64_t pitch, int rows, int columns,
                                 float* __restrict__ to) {
  auto& sums = shared<PartSums>().of;
  const int x = static_cast<int>(threadIdx.x), y = static_cast<int>(threadIdx.y);
  const int column = static_cast<int>(blockIdx.x) * sum_columns + x;
  for (int row = static_cast<int>(blockIdx.y); row < rows; row += static_cast<int>(gridDim.y)) {
    double sum = 0;
    if (column < columns) {
      TELESCOPE_UNROLL
      for (int part = y; part < parts; part += sum_groups) {
        sum += static_cast<double>(from[part * part_pitch + row * pitch + column]);
      }
    }
    __syncthreads();  // the row before has been added
    sums[y][x] = sum;
    __syncthreads();
    if (y == 0 && column < columns) {
      for (int i = 1; i < sum_groups; ++i) sum += sums[i][x];
      to[std::int64_t{row} * columns + column] += static_cast<float>(sum);
    }
  }
}

template <class T, class Tile, bool wide_dy, bool wide_x>
void launch_pixel_sum(const Stream& stream, PixelSum<T> sum, float* dweight, float* dbias) {
  sum.across = std::max((sum.columns + Tile::n - 1) / Tile::n, 1);
  sum.pitch = sum.across * Tile::n;
  sum.slices = static_cast<int>((sum.pixels + slice_elements<T> - 1) / slice_elements<T>);
  const int tiles = (sum.k + Tile::m - 1) / Tile::m * sum.across;
  using Operands = ColumnOperands<T, Tile>;
  constexpr std::size_t bytes =
      Tile::stages * (Operands::a_bytes + Operands::b_bytes) + sizeof(PixelTable<T>);
  sum_in_parts(stream, sum, tiles, multiprocessors * Tile::blocks, dweight, dbias,
               [&](const PixelSum<T>& parts, int splits) {
                 launch<pixel_sum_kernel<T, Tile, wide_dy, wide_x>>(
                     stream, dim3(static_cast<unsigned>(tiles), static_cast<unsigned>(splits)),
                     threads, bytes, parts);
               });
}

template <class T>
void run(const Stream& stream, const PixelSum<T>& sum, TensorCoreTile tile, float* dweight,
         float* dbias) {
  const bool wide_dy = sum.k % chunk_elements<T> == 0 && aligned_to(chunk_bytes, sum.dy);
  const bool wide_x = sum.c % chunk_elements<T> == 0 && aligned_to(chunk_bytes, sum.x);
  const bool automatic = tile == TensorCoreTile::automatic;
  if (wide_dy && wide_x &&
      (automatic || tile == TensorCoreTile::halo_n32 || tile == TensorCoreTile::halo_n64)) {
    const int rows = tile == TensorCoreTile::halo_n32 || (automatic && sum.k <= 32) ? 32 : 64;
    if (launch_halo_sum(stream, sum, rows, dweight, dbias)) return;
  }
  if (automatic) {
    tile = sum.k <= 32   ? TensorCoreTile::m32n128
           : sum.k <= 64 ? TensorCoreTile::m64n128
                         : TensorCoreTile::m128n128;
  }
  if (!wide_dy) {
    return wide_x ? launch_pixel_sum<T, M64N64, false, true>(stream, sum, dweight, dbias)
                  : launch_pixel_sum<T, M64N64, false, false>(stream, sum, dweight, dbias);
  }
  if (!wide_x) return launch_pixel_sum<T, M64N64, true, false>(stream, sum, dweight, dbias);
  switch (tile) {
    case TensorCoreTile::m32n128:
      return launch_pixel_sum<T, M32N128, true, true>(stream, sum, dweight, dbias);
    case TensorCoreTile::m64n128:
      return launch_pixel_sum<T, M64N128, true, true>(stream, sum, dweight, dbias);
    default:
      return launch_pixel_sum<T, M128N128, true, true>(stream, sum, dweight, dbias);
  }
}

}  // namespace

namespace tensor_core {

void add_parts(const Stream& stream, const float* from, std::int64_t parts, std::int64_t part_pitch,
               std::int64_t pitch, int rows, int columns, float* to) {
  const unsigned down = static_cast<unsigned>(std::min(rows, 65535));
  launch<add_parts_kernel>(stream, dim3(blocks_for(columns, sum_columns), down),
                           dim3(sum_columns, sum_groups), 0, from, static_cast<int>(parts),
                           part_pitch, pitch, rows, columns, to);
}

}  // namespace tensor_core

template <class T>
void conv2d_tensor_core_weight_gradient(const Stream& stream, const Conv2dShape& shape, const T* x,
                                        const T* dy, Wide<T>* dweight, Wide<T>* dbias,
                                        TensorCoreTile tile) {
  if (!dweight && !dbias) return;
  const auto number = [](std::int64_t i) { return static_cast<int>(i); };
  PixelSum<T> sum;
  sum.x = x;
  sum.dy = dy;
  sum.h = number(shape.h);
  sum.w = number(shape.w);
  sum.c = number(shape.c);
  sum.k = number(shape.k);
  sum.r = number(shape.r);
  sum.s = number(shape.s);
  sum.columns = dweight ? number(shape.r * shape.s * shape.c) : 0;
  sum.out_h = number(shape.out_h());
  sum.out_w = number(shape.out_w());
  sum.stride = number(shape.stride);
  sum.padding = number(shape.padding);
  // Pixels are counted in 31 bits: more images are taken by parts, and their gradients added.
  const std::int64_t of_image = shape.out_h() * shape.out_w();
  const std::int64_t at_once = std::max<std::int64_t>((std::int64_t{1} << 30) / of_image, 1);
  for (std::int64_t n = 0; n < shape.n; n += at_once) {
    sum.n = number(std::min(at_once, shape.n - n));
    sum.pixels = static_cast<unsigned>(sum.n * of_image);
    sum.x = x + n * shape.h * shape.w * shape.c;
    sum.dy = dy + n * of_image * shape.k;
    run(stream, sum, tile, dweight, dbias);
  }
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void conv2d_tensor_core_weight_gradient(const Stream&, const Conv2dShape&, const T*, \
                                                   const T*, Wide<T>*, Wide<T>*, TensorCoreTile);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
