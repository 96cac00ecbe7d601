// SPDX-License-Identifier: MIT
// What the two kernels for the gradient of the weights share: sums over parts of the pixels, which a
// second launch adds in order.
#pragma once

#include "kernels/conv2d/conv2d_tensor_core.h"
#include "kernels/conv2d/conv2d_tensor_core_product.h"
#include "kernels/workspace.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core {

/// Partial sums of the slices [split * slices_per_split, ...) of the pixels.
template <class T>
struct PixelSum {
  const T *x = nullptr, *dy = nullptr;
  float* partial = nullptr;       // [splits][k][pitch]
  float* partial_bias = nullptr;  // [splits * across][k], or null
  int n = 0, h = 0, w = 0, c = 0, k = 0, r = 0, s = 0;
  int columns = 0;  // r s c; 0 if only the bias is wanted
  int pitch = 0;
  int out_h = 0, out_w = 0, stride = 0, padding = 0;
  unsigned pixels = 0;
  int slices = 0, slices_per_split = 0;
  int across = 1;  // blocks that work on the same rows of dy
};

/// to[row][column] += the sum over the parts of from[part][row][column], in a fixed order.
void add_parts(const Stream& stream, const float* from, std::int64_t parts, std::int64_t part_pitch,
               std::int64_t pitch, int rows, int columns, float* to);

/// Runs start(sum, splits) on memory for the parts and adds them to dweight and dbias. As many splits
/// of the slices as fill the chip once with `tiles` blocks each, but for a few slices each.
template <class T, class Start>
void sum_in_parts(const Stream& stream, PixelSum<T> sum, int tiles, int blocks_at_once,
                  float* dweight, float* dbias, const Start& start) {
  constexpr int fewest_slices = 4;
  int splits = std::max(std::min(blocks_at_once / tiles, sum.slices / fewest_slices), 1);
  sum.slices_per_split = (sum.slices + splits - 1) / splits;
  splits = (sum.slices + sum.slices_per_split - 1) / sum.slices_per_split;
  const std::int64_t part = std::int64_t{sum.k} * sum.pitch;
  const Workspace<float> partial(splits * part, stream.device());
  const std::int64_t bias_parts = std::int64_t{splits} * sum.across;
  const Workspace<float> partial_bias(dbias ? bias_parts * sum.k : 1, stream.device());
  sum.partial = partial.data();
  sum.partial_bias = dbias ? partial_bias.data() : nullptr;
  start(sum, splits);
  if (dweight) {
    add_parts(stream, sum.partial, splits, part, sum.pitch, sum.k, sum.columns, dweight);
  }
  if (dbias) add_parts(stream, sum.partial_bias, bias_parts, sum.k, sum.k, 1, sum.k, dbias);
}

/// Sums a column of dy for the bias. Blocks of the same rows of dy take slices in turn.
template <class T, class Tile, int rows>
class BiasSum {
 public:
  __device__ BiasSum(const PixelSum<T>& sum, int first_row) : sum_(sum), first_row_(first_row) {}
  __device__ __forceinline__ void add(const unsigned char* stage, int slice) {
    if (!wanted() || slice % sum_.across != turn()) return;
    const T* dy = reinterpret_cast<const T*>(stage) + threadIdx.x;
    float of_slice = 0;
    for (int i = 0; i < rows; ++i) of_slice += static_cast<float>(dy[i * padded(Tile::m)]);
    bias_ += of_slice;
  }
  __device__ __forceinline__ void store() const {
    if (!wanted()) return;
    const std::int64_t part = std::int64_t{blockIdx.y} * sum_.across + turn();
    sum_.partial_bias[part * sum_.k + first_row_ + static_cast<int>(threadIdx.x)] = bias_;
  }

 private:
  // Worked out each time: registers are short in the loop between.
  __device__ __forceinline__ int turn() const { return static_cast<int>(blockIdx.x) % sum_.across; }
  __device__ __forceinline__ bool wanted() const {
    const int column = static_cast<int>(threadIdx.x);
    return sum_.partial_bias && column < Tile::m && first_row_ + column < sum_.k;
  }
  const PixelSum<T>& sum_;
  int first_row_;
  float bias_ = 0;
};

/// By way of tiles of pixels with their halo, for kernels of 3 x 3 and a stride of 1, with `rows`
/// (64 or 32) channels of dy in a block. False if the shape does not suit.
template <class T>
bool launch_halo_sum(const Stream& stream, const PixelSum<T>& sum, int rows, float* dweight,
                     float* dbias);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE::tensor_core
