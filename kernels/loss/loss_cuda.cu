// SPDX-License-Identifier: MIT
// Bound by memory: the value is one read of both arrays and a few hundred partial sums, the gradient
// one read and as many writes as there are gradients wanted.
#include "kernels/loss/loss.h"
#include "kernels/simt/row_sums.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

struct Squared {
  __device__ double operator()(float y, float target) const {
    const double gap = double{y - target};
    return gap * gap;
  }
  static __device__ float slope(float gap) { return 2 * gap; }
};
struct Absolute {
  __device__ double operator()(float y, float target) const { return double{fabsf(y - target)}; }
  static __device__ float slope(float gap) { return gap == 0 ? 0.f : copysignf(1, gap); }
};

template <class F>
void with_loss(Loss loss, const F& f) {
  if (loss == Loss::mse) return f(Squared());
  f(Absolute());
}

template <int width, class F, class T>
__device__ __forceinline__ void backward_of_pack(std::int64_t i, float factor, const T* y,
                                                 const float* target, T* dy, float* dtarget) {
  const auto u = load<width>(y + i);
  const auto v = load<width>(target + i);
  Pack<T, width> gradient;
  Pack<float, width> minus;
  TELESCOPE_UNROLL
  for (int k = 0; k < width; ++k) {
    const float g = F::slope(static_cast<float>(u[k]) - v[k]) * factor;
    gradient[k] = static_cast<T>(g);
    minus[k] = -g;
  }
  if (dy) store(dy + i, gradient);
  if (dtarget) store(dtarget + i, minus);
}

template <int width, class F, class T>
__global__ void __launch_bounds__(RowPieces::threads)
    loss_backward_kernel(RowPieces pieces, const T* y, const float* target, const float* dvalue,
                         T* dy, float* dtarget) {
  const RowPieces::Piece piece = pieces.of_block();
  const std::int64_t row = piece.row * pieces.length;
  const auto factor =
      static_cast<float>(double{dvalue[piece.row]} / static_cast<double>(pieces.length));
  std::int64_t i = piece.begin + threadIdx.x * width;
  for (; i + width <= piece.end; i += RowPieces::threads * width) {
    backward_of_pack<width, F>(row + i, factor, y, target, dy, dtarget);
  }
  for (; i < piece.end && width > 1; ++i) {
    backward_of_pack<1, F>(row + i, factor, y, target, dy, dtarget);
  }
}

}  // namespace

template <class T>
void loss(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
          const Wide<T>* target, Wide<T>* value) {
  with_loss(loss, [&](auto f) {
    sum_over_rows(stream, f, n, m, 1 / static_cast<double>(m), value, y, target);
  });
}

template <class T>
void loss_backward(const Stream& stream, Loss loss, std::int64_t n, std::int64_t m, const T* y,
                   const Wide<T>* target, const Wide<T>* dvalue, T* dy, Wide<T>* dtarget) {
  constexpr int width = 16 / sizeof(T);
  const RowPieces pieces(n, m);
  const bool vectors = pieces.whole_vectors(width) && aligned_to(16, y, target, dy, dtarget);
  with_loss(loss, [&](auto f) {
    if (vectors) {
      launch<loss_backward_kernel<width, decltype(f), T>>(
          stream, pieces.blocks(), RowPieces::threads, 0, pieces, y, target, dvalue, dy, dtarget);
    } else {
      launch<loss_backward_kernel<1, decltype(f), T>>(stream, pieces.blocks(), RowPieces::threads,
                                                      0, pieces, y, target, dvalue, dy, dtarget);
    }
  });
}

#define TELESCOPE_INSTANTIATE(T)                                                                \
  template void loss(const Stream&, Loss, std::int64_t, std::int64_t, const T*, const Wide<T>*, \
                     Wide<T>*);                                                                 \
  template void loss_backward(const Stream&, Loss, std::int64_t, std::int64_t, const T*,        \
                              const Wide<T>*, const Wide<T>*, T*, Wide<T>*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(bfloat16)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
