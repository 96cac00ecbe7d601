// SPDX-License-Identifier: MIT
#include "layers/mix.h"

#include "kernels/mix/mix.h"

namespace telescope {

Tensor mix(const Tensor& a, const Tensor& b, const Tensor& t) {
  TELESCOPE_CHECK(a.rank() >= 1 && a.shape() == b.shape() && a.dtype() == b.dtype() &&
                      a.dtype() == t.dtype() && t.shape() == Shape{a.extent(0)},
                  "mix", "expected two batches alike and one t a sample, got {}, {} and {}",
                  a.shape(), b.shape(), t.shape());
  const Tensor y = Tensor::empty(a.shape(), a.dtype(), a.device());
  const std::int64_t n = a.extent(0), size = n ? a.numel() / n : 0;
  dispatch_float(a.dtype(), "mix", [&]<class T>() {
    kernels::mix(a.stream(), n, size, t.data<T>(), a.data<T>(), b.data<T>(), y.data<T>());
  });
  return y;
}

}  // namespace telescope
