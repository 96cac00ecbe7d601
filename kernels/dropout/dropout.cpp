// SPDX-License-Identifier: MIT
#include "kernels/dropout/dropout.h"

#include "core/profile.h"
#include "kernels/dispatch.h"

namespace telescope::kernels {

TELESCOPE_ON_EVERY_DEVICE(template <class T> void dropout(const Stream&, const DropoutShape& shape,
                                                          const DropoutKey& key, double p,
                                                          const std::int64_t* sample_ids,
                                                          const T* x, T* y);)

template <class T>
void dropout(const Stream& stream, const DropoutShape& shape, const DropoutKey& key, double p,
             const std::int64_t* sample_ids, const T* x, T* y) {
  const Scope scope("dropout", shape.numel(), 2 * shape.numel() * std::int64_t{sizeof(T)});
  if (shape.numel() == 0) return;
  TELESCOPE_DISPATCH(stream, dropout, shape, key, p, sample_ids, x, y);
}

template void dropout(const Stream&, const DropoutShape&, const DropoutKey&, double,
                      const std::int64_t*, const float*, float*);
template void dropout(const Stream&, const DropoutShape&, const DropoutKey&, double,
                      const std::int64_t*, const double*, double*);
template void dropout(const Stream&, const DropoutShape&, const DropoutKey&, double,
                      const std::int64_t*, const bfloat16*, bfloat16*);

}  // namespace telescope::kernels
