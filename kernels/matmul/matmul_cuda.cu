// SPDX-License-Identifier: MIT
// Exact fp32 products on the plain arithmetic units, each element summed in the order of k. A block
// of 256 threads owns a tile of c and walks along k in slices of 16, which wait in registers while
// the slice before is multiplied. The matrices of embeddings (some hundred rows) are bound by the
// length of that walk: tiles of 32 x 32 spread them over many blocks. Where tiles of 128 x 64 fill
// the chip they do, with 8 x 4 elements a thread: 32 products for 3 loads of shared memory.
#include "kernels/matmul/matmul.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

constexpr int threads = 256, depth = 16, side = 16;  // side x side threads to a tile

// Slices of `depth` by `extent` elements of one operand, on the way to shared memory. Element
// (x, p), x along m or n and p along k, stands at x k + p (along_k) or p stride + x.
template <int extent, bool along_k, int width, class T>
class Slice {
 public:
  static constexpr int stride = extent + 4;  // keeps rows aligned to 16 bytes

  __device__ void fetch(const T* matrix, std::int64_t first, std::int64_t p0, std::int64_t limit,
                        std::int64_t k) {
    TELESCOPE_UNROLL
    for (int u = 0; u < count; ++u) {
      const auto [x, p] = place(u);
      const bool inside = (packs % threads == 0 || p < depth) && first + x < limit && p0 + p < k;
      const std::int64_t at = along_k ? (first + x) * k + p0 + p : (p0 + p) * limit + first + x;
      values_[u] = inside ? load<width>(matrix + at) : Pack<T, width>{};
    }
  }

  __device__ void put(float (&tile)[depth][stride]) const {
    TELESCOPE_UNROLL
    for (int u = 0; u < count; ++u) {
      const auto [x, p] = place(u);
      if (packs % threads != 0 && p >= depth) continue;
      TELESCOPE_UNROLL
      for (int i = 0; i < width; ++i) {
        tile[along_k ? p + i : p][along_k ? x : x + i] = static_cast<float>(values_[u][i]);
      }
    }
  }

 private:
  static constexpr int packs = extent * depth / width, count = (packs + threads - 1) / threads;
  struct Place {
    int x, p;
  };
  // Of the pack that this thread moves in round u; p is `depth` or more for none.
  static __device__ Place place(int u) {
    const int pack = static_cast<int>(threadIdx.x) + u * threads;
    constexpr int line = (along_k ? depth : extent) / width;
    const int along = pack % line * width, across = pack / line;
    if (along_k) return {across, across < extent ? along : depth};
    return {along, across};
  }
  Pack<T, width> values_[count];
};

template <int rows, int columns, bool transpose_a, bool transpose_b, int width, class T>
__global__ void __launch_bounds__(threads)
    matmul_kernel(std::int64_t m, std::int64_t n, std::int64_t k, const T* __restrict__ a,
                  const T* __restrict__ b, const T* __restrict__ bias, bool accumulate,
                  T* __restrict__ c) {
  using SliceA = Slice<rows, !transpose_a, width, T>;
  using SliceB = Slice<columns, transpose_b, width, T>;
  struct Tiles {
    float a[depth][SliceA::stride], b[depth][SliceB::stride];
  };
  auto& tiles = shared<Tiles>();
  constexpr int high = rows / side, wide = columns / side;
  constexpr int piece = high < 4 ? high : 4;
  const int top = static_cast<int>(threadIdx.x) / side * high;
  const int left = static_cast<int>(threadIdx.x) % side * wide;
  const std::int64_t row0 = std::int64_t{blockIdx.x} * rows;
  const std::int64_t column0 = std::int64_t{blockIdx.y} * columns;

  float sum[high][wide];
  TELESCOPE_UNROLL
  for (int j = 0; j < wide; ++j) {
    const std::int64_t column = column0 + left + j;
    const float start = bias && column < n ? static_cast<float>(bias[column]) : 0.f;
    TELESCOPE_UNROLL
    for (int i = 0; i < high; ++i) sum[i][j] = start;
  }
  SliceA next_a;
  SliceB next_b;
  next_a.fetch(a, row0, 0, m, k);
  next_b.fetch(b, column0, 0, n, k);
  for (std::int64_t p0 = 0; p0 < k; p0 += depth) {
    next_a.put(tiles.a);
    next_b.put(tiles.b);
    __syncthreads();
    if (p0 + depth < k) {
      next_a.fetch(a, row0, p0 + depth, m, k);
      next_b.fetch(b, column0, p0 + depth, n, k);
    }
    TELESCOPE_UNROLL
    for (int p = 0; p < depth; ++p) {
      float left_side[high];
      TELESCOPE_UNROLL
      for (int i = 0; i < high; i += piece) {
        const auto four = load<piece>(&tiles.a[p][top + i]);
        TELESCOPE_UNROLL
        for (int q = 0; q < piece; ++q) left_side[i + q] = four[q];
      }
      const auto right_side = load<wide>(&tiles.b[p][left]);
      TELESCOPE_UNROLL
      for (int i = 0; i < high; ++i) {
        TELESCOPE_UNROLL
        for (int j = 0; j < wide; ++j) sum[i][j] = fmaf(left_side[i], right_side[j], sum[i][j]);
      }
    }
    __syncthreads();
  }
  TELESCOPE_UNROLL
  for (int i = 0; i < high; ++i) {
    TELESCOPE_UNROLL
    for (int j = 0; j < wide; ++j) {
      const std::int64_t row = row0 + top + i, column = column0 + left + j;
      if (row >= m || column >= n) continue;
      T& to = c[row * n + column];
      to = static_cast<T>(accumulate ? static_cast<float>(to) + sum[i][j] : sum[i][j]);
    }
  }
}

template <int rows, int columns, class T, class F>
void with_tile(const MatmulShape& s, const T* a, const T* b, const F& f) {
  const std::int64_t row_a = s.transpose_a ? s.m : s.k, row_b = s.transpose_b ? s.k : s.n;
  with_width<T>((row_a | row_b) % pack_width<T> == 0,
                [&]<int width>() {
                  if (s.transpose_a) {
                    s.transpose_b ? f.template operator()<rows, columns, true, true, width>()
                                  : f.template operator()<rows, columns, true, false, width>();
                  } else {
                    s.transpose_b ? f.template operator()<rows, columns, false, true, width>()
                                  : f.template operator()<rows, columns, false, false, width>();
                  }
                },
                a, b);
}

}  // namespace

template <class T>
void matmul(const Stream& stream, const MatmulShape& s, const T* a, const T* b, const T* bias,
            bool accumulate, T* c) {
  const auto run = [&]<int most_rows, int columns, bool ta, bool tb, int width>() {
    // Elements that come one by one need more registers on their way.
    constexpr int rows = width == 1 && most_rows > 64 ? 64 : most_rows;
    const dim3 grid(blocks_for(s.m, rows), blocks_for(s.n, columns));
    if (grid.y > 65535) {
      raise("matmul", "expected at most {} columns, got {}", std::int64_t{65535} * columns, s.n);
    }
    launch<matmul_kernel<rows, columns, ta, tb, width, T>>(stream, grid, threads, 0, s.m, s.n, s.k,
                                                           a, b, bias, accumulate, c);
  };
  constexpr std::int64_t many = 128;  // blocks: about one for each multiprocessor
  if (blocks_for(s.m, 128) * std::int64_t{blocks_for(s.n, 64)} >= many) {
    with_tile<128, 64>(s, a, b, run);
  } else {
    with_tile<32, 32>(s, a, b, run);
  }
}

template void matmul(const Stream&, const MatmulShape&, const float*, const float*, const float*,
                     bool, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
