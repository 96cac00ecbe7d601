// SPDX-License-Identifier: MIT
#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <cmath>

#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("softmax against a plain loop", T, float, double) {
  for (const std::int64_t rows : {1, 3, 50}) {
    for (const auto n : lengths) {
      if (rows * n > 200000) continue;
      INFO(rows << " rows of " << n);
      const Tensor x = random_tensor({rows, n}, dtype_of<T>, 1);
      const Tensor dy = random_tensor({rows, n}, dtype_of<T>, 2);
      for (std::int64_t i = 0; i < x.numel(); ++i) x.data<T>()[i] = 5 * x.data<T>()[i] + 200;
      const Tensor y = Tensor::empty({rows, n}, dtype_of<T>);
      const Tensor dx = Tensor::empty({rows, n}, dtype_of<T>);
      kernels::softmax(Stream(), rows, n, x.data<T>(), y.data<T>());
      kernels::softmax_backward(Stream(), rows, n, y.data<T>(), dy.data<T>(), dx.data<T>());
      const Tensor y_ref = Tensor::empty({rows, n}, DType::f64);
      const Tensor dx_ref = Tensor::empty({rows, n}, DType::f64);
      for (std::int64_t r = 0; r < rows; ++r) {
        const T *u = x.data<T>() + r * n, *g = dy.data<T>() + r * n;
        double *v = y_ref.data<double>() + r * n, *d = dx_ref.data<double>() + r * n;
        const double most = *std::max_element(u, u + n);
        long double sum = 0, projection = 0;
        for (std::int64_t i = 0; i < n; ++i) sum += std::exp(u[i] - most);
        for (std::int64_t i = 0; i < n; ++i) {
          v[i] = std::exp(u[i] - most) / static_cast<double>(sum);
          projection += v[i] * g[i];
        }
        for (std::int64_t i = 0; i < n; ++i) d[i] = v[i] * (g[i] - static_cast<double>(projection));
      }
      const Tolerance relative{rounding(dtype_of<T>, 4).rtol, 1e-30};
      CHECK_CLOSE(y, y_ref, relative);
      CHECK_CLOSE(dx, dx_ref, rounding(dtype_of<T>, 4));
    }
  }
}

TEST_CASE("large and infinite inputs") {
  const float inf = INFINITY;
  const Tensor x = Tensor::from<float>({3e38f, -3e38f, 0, -inf, 1, 1, 0, NAN, 0}, {3, 3});
  const Tensor y = Tensor::empty({3, 3});
  kernels::softmax(Stream(), 3, 3, x.data<float>(), y.data<float>());
  const float* v = y.data<float>();
  CHECK((v[0] == 1 && v[1] == 0 && v[2] == 0));
  CHECK((v[3] == 0 && v[4] == 0.5f && v[5] == 0.5f));
  CHECK((std::isnan(v[6]) && std::isnan(v[8])));
}
