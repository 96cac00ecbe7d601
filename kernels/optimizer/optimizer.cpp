// SPDX-License-Identifier: MIT
#include "kernels/optimizer/optimizer.h"

#include "core/profile.h"
#include "kernels/dispatch.h"
#include "kernels/reduce/reduce.h"
#include "kernels/workspace.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(
    template <class T>
    void adam_step(const Stream&, std::int64_t n, const AdamOptions& options,
                   const OptimizerScalars* scalars, const T* grad, T* param, T* m, T* v);
    template <class T>
    void sgd_momentum_step(const Stream&, std::int64_t n, const SgdOptions& options,
                           const OptimizerScalars* scalars, const T* grad, T* param, T* buffer);
    void halt_unless_finite(const Stream&, std::int64_t n, const double* x,
                            OptimizerScalars* scalars);
    template <class T> void clip_factor(const Stream&, double max_norm, const double* squared_norm,
                                        double* norm, T* factor);)

namespace {
template <class T>
void clip_factor(const Stream& stream, double max_norm, const double* squared_norm, double* norm,
                 T* factor) {
  TELESCOPE_DISPATCH(stream, clip_factor, max_norm, squared_norm, norm, factor);
}
}  // namespace

void halt_unless_finite(const Stream& stream, std::int64_t n, const double* x,
                        OptimizerScalars* scalars) {
  const Scope scope("halt_unless_finite", 0, n * std::int64_t{sizeof(double)});
  TELESCOPE_CALL_ON_DEVICE(stream, halt_unless_finite, n, x, scalars);
}

template <class T>
void adam_step(const Stream& stream, std::int64_t n, const AdamOptions& options,
               const OptimizerScalars* scalars, const T* grad, T* param, T* m, T* v) {
  const Scope scope("adam", 14 * n, 7 * n * std::int64_t{sizeof(T)});
  TELESCOPE_DISPATCH(stream, adam_step, n, options, scalars, grad, param, m, v);
}

template <class T>
void sgd_momentum_step(const Stream& stream, std::int64_t n, const SgdOptions& options,
                       const OptimizerScalars* scalars, const T* grad, T* param, T* buffer) {
  const Scope scope("sgd", 5 * n, (options.momentum != 0 ? 5 : 3) * n * std::int64_t{sizeof(T)});
  if (options.momentum == 0) buffer = nullptr;
  TELESCOPE_DISPATCH(stream, sgd_momentum_step, n, options, scalars, grad, param, buffer);
}

template <class T>
void clip_norm(const Stream& stream, std::int64_t n, double max_norm, T* grad, double* norm) {
  const Scope scope("clip_norm");
  const Workspace<double> squares(1, stream.device());
  const Workspace<T> factor(1, stream.device());
  squared_norm(stream, n, grad, squares.data());
  clip_factor(stream, max_norm, squares.data(), norm, factor.data());
  scale_by(stream, n, factor.data(), grad, grad);
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
