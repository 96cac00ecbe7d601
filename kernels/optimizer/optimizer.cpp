// SPDX-License-Identifier: MIT
#include "kernels/optimizer/optimizer.h"

#include "core/memory.h"
#include "core/profile.h"
#include "kernels/dispatch.h"
#include "kernels/reduce/reduce.h"

namespace telescope::kernels {

namespace cpu {
template <class T>
void adam_step(std::int64_t n, const AdamOptions& options, const OptimizerScalars& scalars,
               const T* grad, T* param, T* m, T* v);
template <class T>
void sgd_momentum_step(std::int64_t n, const SgdOptions& options, const OptimizerScalars& scalars,
                       const T* grad, T* param, T* buffer);
template <class T>
void clip_factor(double max_norm, const double* squared_norm, double* norm, T* factor);
}  // namespace cpu

template <class T>
void adam_step(const Stream& stream, std::int64_t n, const AdamOptions& options,
               const OptimizerScalars* scalars, const T* grad, T* param, T* m, T* v) {
  const Scope scope("adam", 14 * n, 7 * n * std::int64_t{sizeof(T)});
  on_device(stream, "adam", [&] { cpu::adam_step(n, options, *scalars, grad, param, m, v); });
}

template <class T>
void sgd_momentum_step(const Stream& stream, std::int64_t n, const SgdOptions& options,
                       const OptimizerScalars* scalars, const T* grad, T* param, T* buffer) {
  const Scope scope("sgd", 5 * n, (options.momentum != 0 ? 5 : 3) * n * std::int64_t{sizeof(T)});
  on_device(stream, "sgd",
            [&] { cpu::sgd_momentum_step(n, options, *scalars, grad, param, buffer); });
}

template <class T>
void clip_norm(const Stream& stream, std::int64_t n, double max_norm, T* grad, double* norm) {
  const Scope scope("clip_norm");
  const Storage workspace = Storage::allocate(sizeof(double) + sizeof(T), stream.device());
  auto* squares = reinterpret_cast<double*>(workspace.data());
  auto* factor = reinterpret_cast<T*>(squares + 1);
  squared_norm(stream, n, grad, squares);
  on_device(stream, "clip_norm", [&] { cpu::clip_factor(max_norm, squares, norm, factor); });
  scale_by(stream, n, factor, grad, grad);
}

#define TELESCOPE_INSTANTIATE(T)                                                  \
  template void adam_step(const Stream&, std::int64_t, const AdamOptions&,        \
                          const OptimizerScalars*, const T*, T*, T*, T*);         \
  template void sgd_momentum_step(const Stream&, std::int64_t, const SgdOptions&, \
                                  const OptimizerScalars*, const T*, T*, T*);     \
  template void clip_norm(const Stream&, std::int64_t, double, T*, double*);
TELESCOPE_INSTANTIATE(float)
TELESCOPE_INSTANTIATE(double)
#undef TELESCOPE_INSTANTIATE

}  // namespace telescope::kernels
