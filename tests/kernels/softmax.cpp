// SPDX-License-Identifier: MIT
#include "kernels/softmax/softmax.h"

#include <algorithm>
#include <cmath>

#include "core/convert.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

namespace {
// Also a long row that vectors fit, and the longest that is one warp's on a device.
const std::vector<std::int64_t> row_lengths = [] {
  auto all = lengths;
  for (const std::int64_t n : {1024, 1028}) all.push_back(n);
  return all;
}();

template <class T>
std::vector<double> row_of(const Tensor& x, std::int64_t row) {
  const T* from = x.data<T>() + row * x.extent(1);
  std::vector<double> values(static_cast<std::size_t>(x.extent(1)));
  std::transform(from, from + x.extent(1), values.begin(),
                 [](T value) { return convert_element<double>(value); });
  return values;
}
}  // namespace

TEST_CASE_TEMPLATE("softmax against a plain loop", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const std::int64_t rows : {1, 3, 50}) {
    for (const auto n : row_lengths) {
      if (rows * n > 200000) continue;
      INFO(rows << " rows of " << n);
      const Tensor x = random_tensor({rows, n}, dtype_of<T>, 1);
      const Tensor dy = random_tensor({rows, n}, dtype_of<T>, 2);
      for (std::int64_t i = 0; i < x.numel(); ++i) {
        auto& xi = x.data<T>()[i];  // whole numbers in bf16: it holds no others up there
        xi = convert_element<T>(5 * convert_element<double>(xi) + 200);
      }
      const Tensor y = empty_on_device({rows, n}, dtype_of<T>);
      const Tensor dx = empty_on_device({rows, n}, dtype_of<T>);
      kernels::softmax(test_stream(), rows, n, on_device(x).data<T>(), y.data<T>());
      kernels::softmax_backward(test_stream(), rows, n, y.data<T>(), on_device(dy).data<T>(),
                                dx.data<T>());
      const Tensor y_ref = Tensor::empty({rows, n}, DType::f64);
      const Tensor dx_ref = Tensor::empty({rows, n}, DType::f64);
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto u = row_of<T>(x, r), g = row_of<T>(dy, r);
        double *v = y_ref.data<double>() + r * n, *d = dx_ref.data<double>() + r * n;
        const double most = *std::max_element(u.begin(), u.end());
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
      if (std::is_same_v<T, bfloat16>) {  // y was stored
        CHECK_NORM_CLOSE(dx, dx_ref, norm_rounding(dtype_of<T>, 4, 2));
      } else {
        CHECK_CLOSE(dx, dx_ref, rounding(dtype_of<T>, 4));
      }
    }
  }
}

TEST_CASE("large and infinite inputs") {
  const float inf = INFINITY;
  const Tensor x = Tensor::from<float>({3e38f, -3e38f, 0, -inf, 1, 1, 0, NAN, 0}, {3, 3});
  const Tensor there = on_device(x).clone();
  kernels::softmax(test_stream(), 3, 3, there.data<float>(), there.data<float>());  // in place
  const auto v = there.to_vector<float>();
  CHECK((v[0] == 1 && v[1] == 0 && v[2] == 0));
  CHECK((v[3] == 0 && v[4] == 0.5f && v[5] == 0.5f));
  CHECK((std::isnan(v[6]) && std::isnan(v[8])));
}
