// SPDX-License-Identifier: MIT
#include "kernels/loss/loss.h"

#include <cmath>

#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Loss;

TEST_CASE_TEMPLATE("losses of whole numbers and their gradients", T, float, double) {
  for (const Loss loss : {Loss::mse, Loss::l1}) {
    for (const std::int64_t n : {1, 3}) {
      for (const auto m : lengths) {
        INFO(kernels::name_of(loss) << " of " << n << " samples of " << m);
        const DType dtype = dtype_of<T>;
        const Tensor y = random_integers({n, m}, 4, dtype, 1);
        const Tensor target = random_integers({n, m}, 4, dtype, 2);
        const Tensor dvalue = random_tensor({n}, dtype, 3);
        const Tensor value = Tensor::empty({n}, dtype), value_ref = Tensor::empty({n}, dtype);
        const Tensor dy = Tensor::empty({n, m}, dtype), dtarget = Tensor::empty({n, m}, dtype);
        const Tensor dy_ref = Tensor::empty({n, m}, dtype), minus = Tensor::empty({n, m}, dtype);
        kernels::loss(Stream(), loss, n, m, y.data<T>(), target.data<T>(), value.data<T>());
        kernels::loss_backward(Stream(), loss, n, m, y.data<T>(), target.data<T>(),
                               dvalue.data<T>(), dy.data<T>(), dtarget.data<T>());
        for (std::int64_t s = 0; s < n; ++s) {
          double sum = 0;
          for (std::int64_t i = s * m; i < (s + 1) * m; ++i) {
            const double d = double{y.data<T>()[i]} - double{target.data<T>()[i]};
            sum += loss == Loss::mse ? d * d : std::abs(d);
            const double slope = loss == Loss::mse ? 2 * d : (d > 0) - (d < 0);
            dy_ref.data<T>()[i] =
                static_cast<T>(slope) * static_cast<T>(dvalue.data<T>()[s] / double(m));
            minus.data<T>()[i] = -dy_ref.data<T>()[i];
          }
          value_ref.data<T>()[s] = static_cast<T>(sum / static_cast<double>(m));
        }
        CHECK_SAME(value, value_ref);
        CHECK_CLOSE(dy, dy_ref, (Tolerance{rounding(dtype, 1, 2).rtol, 0}));
        CHECK_CLOSE(dtarget, minus, (Tolerance{rounding(dtype, 1, 2).rtol, 0}));
      }
    }
  }
}

TEST_CASE("a gradient nobody wants is not written") {
  const Tensor y = random_tensor({2, 10}), target = random_tensor({2, 10}, DType::f32, 2);
  const Tensor dvalue = Tensor::full({2}, 1), dtarget = Tensor::empty({2, 10});
  kernels::loss_backward<float>(Stream(), Loss::l1, 2, 10, y.data<float>(), target.data<float>(),
                                dvalue.data<float>(), nullptr, dtarget.data<float>());
  CHECK(std::abs(dtarget.data<float>()[19]) == 0.1f);
}

TEST_CASE("NaN reaches the value") {
  const Tensor y = Tensor::from<float>({1, NAN, 3, 4}, {2, 2}), target = Tensor::zeros({2, 2});
  const Tensor value = Tensor::empty({2});
  for (const Loss loss : {Loss::mse, Loss::l1}) {
    kernels::loss(Stream(), loss, 2, 2, y.data<float>(), target.data<float>(), value.data<float>());
    CHECK(std::isnan(value.data<float>()[0]));
    CHECK(std::isfinite(value.data<float>()[1]));
  }
}
