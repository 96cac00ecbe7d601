// SPDX-License-Identifier: MIT
// Bound by memory: Adam moves 28 bytes a parameter, all of them needed. One launch over the flat
// buffer. The factors of the step are worked out where its scalars stand, by one thread of each
// block while the others load; blocks stride, so that only some hundred do it. Rounded operation by
// operation: the bits of the CPU.
#include "kernels/optimizer/factors.h"
#include "kernels/optimizer/optimizer.h"
#include "kernels/simt/simt.h"

namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE {
namespace {

using rounded::product, rounded::quotient, rounded::root, rounded::sum;

constexpr int threads = 256;
constexpr std::int64_t most_blocks = 1024;  // 4 to 8 on each multiprocessor of a large GPU

template <class T>
__device__ __forceinline__ void adam_element(const AdamFactors<float>& f, const T& grad, T& param,
                                             T& m, T& v) {
  const auto p = static_cast<float>(param), m_old = static_cast<float>(m);
  const float g = sum(static_cast<float>(grad), product(f.grad_decay, p));
  const float m_new = sum(m_old, product(f.one_minus_beta1, sum(g, -m_old)));
  const float v_new =
      sum(product(f.beta2, static_cast<float>(v)), product(product(f.one_minus_beta2, g), g));
  const float denominator = sum(quotient(root(v_new), f.correction), f.eps);
  m = static_cast<T>(m_new);
  v = static_cast<T>(v_new);
  param = static_cast<T>(
      sum(product(f.param_factor, p), -quotient(product(f.step_size, m_new), denominator)));
}

__global__ void halt_kernel(std::int64_t n, const double* x, OptimizerScalars* scalars) {
  for (std::int64_t i = threadIdx.x; i < n; i += blockDim.x) {
    if (!(fabs(x[i]) < static_cast<double>(INFINITY))) scalars->halted = 1;  // all write the same
  }
}

template <int width, class T>
__global__ void __launch_bounds__(threads)
    adam_kernel(std::int64_t n, AdamOptions options, const OptimizerScalars* scalars,
                const T* __restrict__ grad, T* __restrict__ param, T* __restrict__ m,
                T* __restrict__ v) {
  if (scalars->halted) return;
  auto& factors = shared<AdamFactors<float>>();
  if (threadIdx.x == 0) factors = adam_factors<float>(options, *scalars);
  __syncthreads();
  const AdamFactors<float> f = factors;
  for (std::int64_t i = grid_thread() * width; i < n; i += grid_threads() * width) {
    const auto g = load<width>(grad + i);
    auto p = load<width>(param + i), mean = load<width>(m + i), square = load<width>(v + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) adam_element(f, g[k], p[k], mean[k], square[k]);
    store(param + i, p);
    store(m + i, mean);
    store(v + i, square);
  }
}

template <int width, bool momentum, class T>
__global__ void __launch_bounds__(threads)
    sgd_kernel(std::int64_t n, SgdOptions options, const OptimizerScalars* scalars,
               const T* __restrict__ grad, T* __restrict__ param, T* __restrict__ buffer) {
  if (scalars->halted) return;
  const auto f = sgd_factors<float>(options, *scalars);
  for (std::int64_t i = grid_thread() * width; i < n; i += grid_threads() * width) {
    auto g = load<width>(grad + i), p = load<width>(param + i);
    Pack<T, width> b{};
    if constexpr (momentum) b = load<width>(buffer + i);
    TELESCOPE_UNROLL
    for (int k = 0; k < width; ++k) {
      const auto old = static_cast<float>(p[k]);
      float step = sum(static_cast<float>(g[k]), product(f.weight_decay, old));
      if constexpr (momentum) {
        step = sum(product(f.momentum, static_cast<float>(b[k])), product(f.fresh, step));
        b[k] = static_cast<T>(step);
      }
      p[k] = static_cast<T>(sum(old, -product(f.learning_rate, step)));
    }
    store(param + i, p);
    if constexpr (momentum) store(buffer + i, b);
  }
}

template <class T>
__global__ void clip_factor_kernel(double max_norm, const double* squared_norm, double* norm,
                                   T* factor) {
  const double length = sqrt(*squared_norm);
  const double shrink = max_norm / (length + 1e-6);
  *factor = static_cast<T>(static_cast<float>(shrink > 1 ? 1 : shrink));  // NaN stays NaN
  if (norm) *norm = length;
}

}  // namespace

void halt_unless_finite(const Stream& stream, std::int64_t n, const double* x,
                        OptimizerScalars* scalars) {
  launch<halt_kernel>(stream, 1, threads, 0, n, x, scalars);  // a loss for each sample: few
}

template <class T>
void adam_step(const Stream& stream, std::int64_t n, const AdamOptions& options,
               const OptimizerScalars* scalars, const T* grad, T* param, T* m, T* v) {
  with_width<T>(
      n % pack_width<T> == 0,
      [&]<int width>() {
        launch<adam_kernel<width, T>>(stream, blocks_for(n / width, threads, most_blocks), threads,
                                      0, n, options, scalars, grad, param, m, v);
      },
      grad, param, m, v);
}

template <class T>
void sgd_momentum_step(const Stream& stream, std::int64_t n, const SgdOptions& options,
                       const OptimizerScalars* scalars, const T* grad, T* param, T* buffer) {
  with_width<T>(
      n % pack_width<T> == 0,
      [&]<int width>() {
        const unsigned blocks = blocks_for(n / width, threads, most_blocks);
        if (buffer) {
          launch<sgd_kernel<width, true, T>>(stream, blocks, threads, 0, n, options, scalars, grad,
                                             param, buffer);
        } else {
          launch<sgd_kernel<width, false, T>>(stream, blocks, threads, 0, n, options, scalars, grad,
                                              param, buffer);
        }
      },
      grad, param, buffer);
}

template <class T>
void clip_factor(const Stream& stream, double max_norm, const double* squared_norm, double* norm,
                 T* factor) {
  launch<clip_factor_kernel<T>>(stream, 1, 1, 0, max_norm, squared_norm, norm, factor);
}

template void adam_step(const Stream&, std::int64_t, const AdamOptions&, const OptimizerScalars*,
                        const float*, float*, float*, float*);
template void sgd_momentum_step(const Stream&, std::int64_t, const SgdOptions&,
                                const OptimizerScalars*, const float*, float*, float*);
template void clip_factor(const Stream&, double, const double*, double*, float*);

}  // namespace telescope::kernels::TELESCOPE_CUDA_NAMESPACE
