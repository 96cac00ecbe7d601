// SPDX-License-Identifier: MIT
// Bound by memory. A sample of up to 16384 elements stays in the registers of one block: one read, one
// write, one launch. A longer one is cut into pieces: a block for each sums it, then a block for each
// adds up what all pieces of the sample gave and normalises; the second read comes out of the
// second-level cache where the batch fits it.
#include "kernels/layer_norm/layer_norm.h"
#include "kernels/simt/row_sums.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

// --- elements in registers ------------------------------------------------------------------------

// A tile is `values` elements for each of `threads` threads, in packs that lie side by side from
// thread to thread. Where this thread's pack that begins at v[k] stands:
template <int width, int threads>
__device__ __forceinline__ int tile_index(int k) {
  return k * threads + static_cast<int>(threadIdx.x) * width;
}

// v <- x[0, count), zero beyond.
template <int width, int threads, int values, class T>
__device__ __forceinline__ void load_tile(int count, const T* x, float (&v)[values]) {
  TELESCOPE_UNROLL
  for (int k = 0; k < values; k += width) {
    const int i = tile_index<width, threads>(k);
    const bool inside = i < count;
    Pack<T, width> pack;
    if (inside) pack = load<width>(x + i);
    TELESCOPE_UNROLL
    for (int j = 0; j < width; ++j) v[k + j] = inside ? static_cast<float>(pack[j]) : 0.f;
  }
}

template <int width, int threads, int values, class T>
__device__ __forceinline__ void store_tile(int count, const float (&v)[values], T* y) {
  TELESCOPE_UNROLL
  for (int k = 0; k < values; k += width) {
    const int i = tile_index<width, threads>(k);
    Pack<T, width> pack;
    TELESCOPE_UNROLL
    for (int j = 0; j < width; ++j) pack[j] = static_cast<T>(v[k + j]);
    if (i < count) store(y + i, pack);
  }
}

// --- forward --------------------------------------------------------------------------------------

// Sums of x - pivot and of its square; the pivot is the sample's first element. They can be added in
// any order, and in double nothing is lost even where the pivot lies far off.
struct Sums {
  double first = 0, second = 0;
};

// A thread's elements, as load_tile() left them, are taken about their own mean first, so that sums in
// float are small.
template <int width, int threads, int values>
__device__ __forceinline__ void add_about_pivot(int count, const float (&v)[values], float pivot,
                                                Sums& sums) {
  const auto inside = [&](int k) { return tile_index<width, threads>(k) < count; };
  float sum = 0, first = 0, second = 0;
  int own = 0;
  TELESCOPE_UNROLL
  for (int k = 0; k < values; ++k) sum += v[k];
  TELESCOPE_UNROLL
  for (int k = 0; k < values; k += width) own += inside(k) ? width : 0;
  if (own == 0) return;
  const float mean = __fdividef(sum, static_cast<float>(own));  // close to it is enough
  TELESCOPE_UNROLL
  for (int k = 0; k < values; ++k) {
    const float deviation = inside(k - k % width) ? v[k] - mean : 0.f;
    first += deviation;
    second = fmaf(deviation, deviation, second);
  }
  const double gap = double{mean} - double{pivot};
  sums.first += first + own * gap;
  sums.second += second + gap * (2 * double{first} + own * gap);
}

// x' = (x - high) rstd + offset; the mean in two parts, since a large one rounded to float would shift
// all of x'.
struct Normaliser {
  float high, rstd, offset, slope;
  __device__ Normaliser(const Sums& sums, float pivot, std::int64_t m, double eps, float leak)
      : slope(leak) {
    const double shift = sums.first / static_cast<double>(m), mean = double{pivot} + shift;
    const double variance = sums.second / static_cast<double>(m) - shift * shift;
    const double exact = 1 / sqrt((variance < 0 ? 0 : variance) + eps);  // keeps NaN
    high = static_cast<float>(mean);
    rstd = static_cast<float>(exact);
    offset = static_cast<float>((double{high} - mean) * exact);
  }
  __device__ float operator()(float x) const {
    const float normal = fmaf(x - high, rstd, offset);
    return normal > 0 ? normal : slope * normal;
  }
};

template <int width, int threads, int values, class T>
__global__ void __launch_bounds__(threads)
    whole_samples_kernel(int m, double eps, float slope, const T* x, T* y, float* rstd) {
  x += std::int64_t{blockIdx.x} * m, y += std::int64_t{blockIdx.x} * m;
  const float pivot = static_cast<float>(*x);
  float v[values];
  load_tile<width, threads>(m, x, v);
  Sums sums;
  add_about_pivot<width, threads>(m, v, pivot, sums);
  sums = {block_sum<threads>(sums.first), block_sum<threads>(sums.second)};
  const Normaliser normalise(sums, pivot, m, eps, slope);
  TELESCOPE_UNROLL
  for (int k = 0; k < values; ++k) v[k] = normalise(v[k]);
  store_tile<width, threads>(m, v, y);
  if (threadIdx.x == 0) rstd[blockIdx.x] = normalise.rstd;
}

// What a piece knows of its sample. The pivot too, since y may be x.
struct Part {
  Sums sums;
  float pivot;
};

constexpr int tile_values = 16;

template <int width, class T>
__global__ void __launch_bounds__(RowPieces::threads)
    piece_sums_kernel(RowPieces pieces, const T* x, Part* parts) {
  constexpr int threads = RowPieces::threads;
  const RowPieces::Piece piece = pieces.of_block();
  x += piece.row * pieces.length;
  const float pivot = static_cast<float>(*x);
  Sums sums;
  for (std::int64_t i = piece.begin; i < piece.end; i += threads * tile_values) {
    const int left = static_cast<int>(min(piece.end - i, std::int64_t{threads * tile_values}));
    float v[tile_values];
    load_tile<width, threads>(left, x + i, v);
    add_about_pivot<width, threads>(left, v, pivot, sums);
  }
  sums = {block_sum<threads>(sums.first), block_sum<threads>(sums.second)};
  if (threadIdx.x == 0) parts[blockIdx.x] = {sums, pivot};
}

template <int width, class T>
__global__ void __launch_bounds__(RowPieces::threads)
    normalise_kernel(RowPieces pieces, double eps, float slope, const Part* parts, const T* x, T* y,
                     float* rstd) {
  constexpr int threads = RowPieces::threads;
  const RowPieces::Piece piece = pieces.of_block();
  parts += piece.row * pieces.per_row;
  Sums sums;
  if (threadIdx.x < pieces.per_row) sums = parts[threadIdx.x].sums;
  sums = {block_sum<threads>(sums.first), block_sum<threads>(sums.second)};
  const Normaliser normalise(sums, parts->pivot, pieces.length, eps, slope);
  x += piece.row * pieces.length, y += piece.row * pieces.length;
  for (std::int64_t i = piece.begin; i < piece.end; i += threads * tile_values) {
    const int left = static_cast<int>(min(piece.end - i, std::int64_t{threads * tile_values}));
    float v[tile_values];
    load_tile<width, threads>(left, x + i, v);
    TELESCOPE_UNROLL
    for (int k = 0; k < tile_values; ++k) v[k] = normalise(v[k]);
    store_tile<width, threads>(left, v, y + i);
  }
  if (threadIdx.x == 0 && piece.begin == 0) rstd[piece.row] = normalise.rstd;
}

// --- backward -------------------------------------------------------------------------------------

// Sums of dx' and of dx' x', which is dy y on both sides of 0.
template <int values>
__device__ __forceinline__ void add_products(float slope, const float (&y)[values],
                                             const float (&dy)[values], Sums& sums) {
  float first = 0, second = 0;
  TELESCOPE_UNROLL
  for (int k = 0; k < values; ++k) {
    first += y[k] > 0 ? dy[k] : slope * dy[k];
    second = fmaf(dy[k], y[k], second);
  }
  sums.first += double{first};
  sums.second += double{second};
}

struct Projection {
  float slope, steepness, rstd, mean_dx, mean_dx_x;
  __device__ Projection(const Sums& sums, float leak, float rstd_of_sample, std::int64_t m)
      : slope(leak),
        steepness(1 / leak),
        rstd(rstd_of_sample),
        mean_dx(static_cast<float>(sums.first / static_cast<double>(m))),
        mean_dx_x(static_cast<float>(sums.second / static_cast<double>(m))) {}
  __device__ float operator()(float y, float dy) const {
    const float normal = y > 0 ? y : steepness * y, g = y > 0 ? dy : slope * dy;
    return fmaf(-normal, mean_dx_x, g - mean_dx) * rstd;
  }
};

template <int width, int threads, int values, class T>
__global__ void __launch_bounds__(threads)
    whole_samples_backward_kernel(int m, float slope, const T* y, const float* rstd, const T* dy,
                                  T* dx) {
  const std::int64_t sample = std::int64_t{blockIdx.x} * m;
  float u[values], g[values];
  load_tile<width, threads>(m, y + sample, u);
  load_tile<width, threads>(m, dy + sample, g);
  Sums sums;
  add_products(slope, u, g, sums);
  sums = {block_sum<threads>(sums.first), block_sum<threads>(sums.second)};
  const Projection project(sums, slope, rstd[blockIdx.x], m);
  TELESCOPE_UNROLL
  for (int k = 0; k < values; ++k) g[k] = project(u[k], g[k]);
  store_tile<width, threads>(m, g, dx + sample);
}

template <int width, class T>
__global__ void __launch_bounds__(RowPieces::threads)
    piece_products_kernel(RowPieces pieces, float slope, const T* y, const T* dy, Sums* parts) {
  constexpr int threads = RowPieces::threads;
  const RowPieces::Piece piece = pieces.of_block();
  y += piece.row * pieces.length, dy += piece.row * pieces.length;
  Sums sums;
  for (std::int64_t i = piece.begin; i < piece.end; i += threads * tile_values) {
    const int left = static_cast<int>(min(piece.end - i, std::int64_t{threads * tile_values}));
    float u[tile_values], g[tile_values];
    load_tile<width, threads>(left, y + i, u);
    load_tile<width, threads>(left, dy + i, g);
    add_products(slope, u, g, sums);
  }
  sums = {block_sum<threads>(sums.first), block_sum<threads>(sums.second)};
  if (threadIdx.x == 0) parts[blockIdx.x] = sums;
}

template <int width, class T>
__global__ void __launch_bounds__(RowPieces::threads)
    project_kernel(RowPieces pieces, float slope, const Sums* parts, const T* y, const float* rstd,
                   const T* dy, T* dx) {
  constexpr int threads = RowPieces::threads;
  const RowPieces::Piece piece = pieces.of_block();
  Sums sums;
  if (threadIdx.x < pieces.per_row) sums = parts[piece.row * pieces.per_row + threadIdx.x];
  sums = {block_sum<threads>(sums.first), block_sum<threads>(sums.second)};
  const Projection project(sums, slope, rstd[piece.row], pieces.length);
  y += piece.row * pieces.length, dy += piece.row * pieces.length;
  dx += piece.row * pieces.length;
  for (std::int64_t i = piece.begin; i < piece.end; i += threads * tile_values) {
    const int left = static_cast<int>(min(piece.end - i, std::int64_t{threads * tile_values}));
    float u[tile_values], g[tile_values];
    load_tile<width, threads>(left, y + i, u);
    load_tile<width, threads>(left, dy + i, g);
    TELESCOPE_UNROLL
    for (int k = 0; k < tile_values; ++k) g[k] = project(u[k], g[k]);
    store_tile<width, threads>(left, g, dx + i);
  }
}

// --- launches -------------------------------------------------------------------------------------

template <int width, class T>
void forward(const Stream& stream, std::int64_t n, std::int64_t m, double eps, float slope,
             const T* x, T* y, float* rstd) {
  const auto blocks = static_cast<unsigned>(n);
  const int size = static_cast<int>(std::min<std::int64_t>(m, 1 << 20));
  if (m <= 256 * 16) {
    launch<whole_samples_kernel<width, 256, 16, T>>(stream, blocks, 256, 0, size, eps, slope, x, y,
                                                    rstd);
  } else if (m <= 512 * 32) {
    launch<whole_samples_kernel<width, 512, 32, T>>(stream, blocks, 512, 0, size, eps, slope, x, y,
                                                    rstd);
  } else {
    const RowPieces pieces(n, m);
    const Workspace<Part> parts(pieces.blocks(), stream.device());
    launch<piece_sums_kernel<width, T>>(stream, pieces.blocks(), RowPieces::threads, 0, pieces, x,
                                        parts.data());
    launch<normalise_kernel<width, T>>(stream, pieces.blocks(), RowPieces::threads, 0, pieces, eps,
                                       slope, parts.data(), x, y, rstd);
  }
}

template <int width, class T>
void backward(const Stream& stream, std::int64_t n, std::int64_t m, float slope, const T* y,
              const float* rstd, const T* dy, T* dx) {
  const auto blocks = static_cast<unsigned>(n);
  const int size = static_cast<int>(std::min<std::int64_t>(m, 1 << 20));
  if (m <= 256 * 16) {
    launch<whole_samples_backward_kernel<width, 256, 16, T>>(stream, blocks, 256, 0, size, slope, y,
                                                             rstd, dy, dx);
  } else if (m <= 512 * 32) {
    launch<whole_samples_backward_kernel<width, 512, 32, T>>(stream, blocks, 512, 0, size, slope, y,
                                                             rstd, dy, dx);
  } else {
    const RowPieces pieces(n, m);
    const Workspace<Sums> parts(pieces.blocks(), stream.device());
    launch<piece_products_kernel<width, T>>(stream, pieces.blocks(), RowPieces::threads, 0, pieces,
                                            slope, y, dy, parts.data());
    launch<project_kernel<width, T>>(stream, pieces.blocks(), RowPieces::threads, 0, pieces, slope,
                                     parts.data(), y, rstd, dy, dx);
  }
}

}  // namespace

template <class T>
void layer_norm(const Stream& stream, std::int64_t n, std::int64_t m, double eps, double slope,
                const T* x, T* y, Wide<T>* rstd) {
  constexpr int width = 16 / sizeof(T);
  const auto leak = static_cast<float>(slope);
  if (m % width == 0 && aligned_to(16, x, y)) {
    return forward<width>(stream, n, m, eps, leak, x, y, rstd);
  }
  forward<1>(stream, n, m, eps, leak, x, y, rstd);
}

template <class T>
void layer_norm_backward(const Stream& stream, std::int64_t n, std::int64_t m, double slope,
                         const T* y, const Wide<T>* rstd, const T* dy, T* dx) {
  constexpr int width = 16 / sizeof(T);
  const auto leak = static_cast<float>(slope);
  if (m % width == 0 && aligned_to(16, y, dy, dx)) {
    return backward<width>(stream, n, m, leak, y, rstd, dy, dx);
  }
  backward<1>(stream, n, m, leak, y, rstd, dy, dx);
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void layer_norm(const Stream&, std::int64_t, std::int64_t, double, double, const T*,  \
                           T*, Wide<T>*);                                                        \
  template void layer_norm_backward(const Stream&, std::int64_t, std::int64_t, double, const T*, \
                                    const Wide<T>*, const T*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
