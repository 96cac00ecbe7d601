// SPDX-License-Identifier: MIT
#include "layers/embedding.h"

#include "core/autograd.h"
#include "kernels/sinusoid/sinusoid.h"

namespace telescope {

Tensor sinusoidal_embedding(const Tensor& t, std::int64_t frequencies, bool sine_first) {
  TELESCOPE_CHECK(t.rank() == 1 && frequencies >= 1, "sinusoidal_embedding",
                  "expected times [N] and at least 1 frequency, got {} and {}", t.shape(),
                  frequencies);
  const kernels::SinusoidShape shape{t.extent(0), frequencies, sine_first};
  const Tensor y = Tensor::empty({shape.n, 2 * frequencies}, t.dtype(), t.device());
  dispatch_float(t.dtype(), "sinusoidal_embedding", [&]<class T>() {
    kernels::sinusoid(t.stream(), shape, t.data<T>(), y.data<T>());
  });
  return record("sinusoidal_embedding", y, {t},
                [shape, t = t.detach()](const Tensor& dy, Gradients& gradients) {
                  Tensor dt = Tensor::empty(t.shape(), t.dtype(), t.device());
                  dispatch_float(t.dtype(), "sinusoidal_embedding", [&]<class T>() {
                    kernels::sinusoid_backward(t.stream(), shape, t.data<T>(), dy.data<T>(),
                                               dt.data<T>());
                  });
                  gradients.give(0, std::move(dt));
                });
}

}  // namespace telescope
