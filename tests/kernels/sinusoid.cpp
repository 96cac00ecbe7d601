// SPDX-License-Identifier: MIT
#include "kernels/sinusoid/sinusoid.h"

#include <cmath>

#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("waves of times and their gradient, against the formula", T, float, double) {
  if (!runs_here<T>()) return;
  for (const std::int64_t n : {1, 5, 33}) {
    for (const std::int64_t q : {1, 3, 32, 65}) {
      for (const bool sine_first : {true, false}) {
        INFO(n << " times, " << q << " frequencies");
        const Tensor t = random_tensor({n}, dtype_of<T>, 1);
        for (std::int64_t i = 0; i < n; ++i) t.data<T>()[i] *= 1000;  // as diffusion counts time
        const Tensor dy = random_tensor({n, 2 * q}, dtype_of<T>, 2);
        const Tensor y = empty_on_device({n, 2 * q}, dtype_of<T>);
        const Tensor dt = empty_on_device({n}, dtype_of<T>), times = on_device(t);
        const kernels::SinusoidShape shape{n, q, sine_first};
        kernels::sinusoid(test_stream(), shape, times.data<T>(), y.data<T>());
        kernels::sinusoid_backward(test_stream(), shape, times.data<T>(), on_device(dy).data<T>(),
                                   dt.data<T>());
        const Tensor y_ref = Tensor::empty({n, 2 * q}, DType::f64);
        const Tensor dt_ref = Tensor::zeros({n}, DType::f64);
        for (std::int64_t i = 0; i < n * q; ++i) {
          const double f = std::pow(10000.0, -double(i % q) / double(q));
          const double angle = f * double{t.data<T>()[i / q]};
          const std::int64_t sine = i / q * 2 * q + i % q + (sine_first ? 0 : q);
          const std::int64_t cosine = i / q * 2 * q + i % q + (sine_first ? q : 0);
          y_ref.data<double>()[sine] = std::sin(angle);
          y_ref.data<double>()[cosine] = std::cos(angle);
          dt_ref.data<double>()[i / q] += f * (std::cos(angle) * double{dy.data<T>()[sine]} -
                                               std::sin(angle) * double{dy.data<T>()[cosine]});
        }
        CHECK_CLOSE(y, y_ref, rounding(dtype_of<T>, 1, 1));
        CHECK_NORM_CLOSE(dt, dt_ref, rounding(dtype_of<T>, 1).rtol);
      }
    }
  }
}
