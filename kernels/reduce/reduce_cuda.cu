// SPDX-License-Identifier: MIT
// Bound by memory: one read, a few hundred partial sums. Double additions keep up: the conversions
// they need cost a third of the time that the load takes on chips with full double units.
#include "kernels/reduce/reduce.h"
#include "kernels/simt/row_sums.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

struct Itself {
  __device__ double operator()(float x) const { return double{x}; }
};
struct Product {
  __device__ double operator()(float a, float b) const { return double{a} * double{b}; }
};
struct Square {
  __device__ double operator()(float a) const { return double{a} * double{a}; }
};

template <int width, class T>
__global__ void __launch_bounds__(RowPieces::threads)
    spread_rows_kernel(RowPieces pieces, double factor, const float* dy, T* x) {
  const RowPieces::Piece piece = pieces.of_block();
  T* const row = x + piece.row * pieces.length;
  const T value = static_cast<T>(static_cast<float>(factor * double{dy[piece.row]}));
  Pack<T, width> values;
  TELESCOPE_UNROLL
  for (int k = 0; k < width; ++k) values[k] = value;
  std::int64_t i = piece.begin + threadIdx.x * width;
  for (; i + width <= piece.end; i += RowPieces::threads * width) store(row + i, values);
  for (; i < piece.end && width > 1; ++i) row[i] = value;
}

template <int width, class T>
__global__ void __launch_bounds__(256)
    scale_by_kernel(std::int64_t n, const T* factor, const T* x, T* y) {
  const std::int64_t i = grid_thread() * width;
  if (i >= n) return;
  const T by = *factor;
  if (i + width <= n) {
    Pack<T, width> values = load<width>(x + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) values[k] = by * values[k];
    store(y + i, values);
  } else {
    for (std::int64_t j = i; j < n; ++j) y[j] = by * x[j];
  }
}

}  // namespace

template <class T>
void sum_rows(const Stream& stream, std::int64_t rows, std::int64_t length, double factor,
              const T* x, Wide<T>* y) {
  sum_over_rows(stream, Itself(), rows, length, factor, y, x);
}

template <class T>
void dot(const Stream& stream, std::int64_t n, const T* a, const T* b, double* y) {
  if (a == b) return sum_over_rows(stream, Square(), 1, n, 1, y, a);
  sum_over_rows(stream, Product(), 1, n, 1, y, a, b);
}

template <class T>
void spread_rows(const Stream& stream, std::int64_t rows, std::int64_t length, double factor,
                 const Wide<T>* dy, T* x) {
  if (length == 0) return;
  constexpr int width = 16 / sizeof(T);
  const RowPieces pieces(rows, length);
  if (pieces.whole_vectors(width) && aligned_to(16, x)) {
    launch<spread_rows_kernel<width, T>>(stream, pieces.blocks(), RowPieces::threads, 0, pieces,
                                         factor, dy, x);
  } else {
    launch<spread_rows_kernel<1, T>>(stream, pieces.blocks(), RowPieces::threads, 0, pieces, factor,
                                     dy, x);
  }
}

template <class T>
void scale_by(const Stream& stream, std::int64_t n, const T* factor, const T* x, T* y) {
  constexpr int threads = 256, width = 16 / sizeof(T);
  if (aligned_to(16, x, y)) {
    launch<scale_by_kernel<width, T>>(stream, blocks_for((n + width - 1) / width, threads), threads,
                                      0, n, factor, x, y);
  } else {
    launch<scale_by_kernel<1, T>>(stream, blocks_for(n, threads), threads, 0, n, factor, x, y);
  }
}

#define TELESCOPE_INSTANTIATE(T)                                                                 \
  template void sum_rows(const Stream&, std::int64_t, std::int64_t, double, const T*, Wide<T>*); \
  template void spread_rows(const Stream&, std::int64_t, std::int64_t, double, const Wide<T>*, T*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE
template void dot(const Stream&, std::int64_t, const float*, const float*, double*);
template void scale_by(const Stream&, std::int64_t, const float*, const float*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
