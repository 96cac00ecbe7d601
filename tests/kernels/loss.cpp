// SPDX-License-Identifier: MIT
#include "kernels/loss/loss.h"

#include <cmath>

#include "core/convert.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Loss;

TEST_CASE_TEMPLATE("losses of whole numbers and their gradients", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const Loss loss : {Loss::mse, Loss::l1}) {
    for (const std::int64_t n : {1, 3}) {
      for (const auto m : lengths) {
        INFO(kernels::name_of(loss) << " of " << n << " samples of " << m);
        const DType dtype = dtype_of<T>;
        using W = Wide<T>;
        const Tensor y = random_integers({n, m}, 4, dtype, 1);
        const Tensor target = random_integers({n, m}, 4, wide(dtype), 2);
        const Tensor dvalue = random_tensor({n}, wide(dtype), 3);
        const Tensor value = empty_on_device({n}, wide(dtype)),
                     value_ref = Tensor::empty({n}, wide(dtype));
        const Tensor dy = empty_on_device({n, m}, dtype),
                     dtarget = empty_on_device({n, m}, wide(dtype));
        const Tensor y_there = on_device(y), target_there = on_device(target);
        const Tensor dy_ref = Tensor::empty({n, m}, wide(dtype)), minus = dy_ref.clone();
        kernels::loss(test_stream(), loss, n, m, y_there.data<T>(), target_there.data<W>(),
                      value.data<W>());
        kernels::loss_backward(test_stream(), loss, n, m, y_there.data<T>(), target_there.data<W>(),
                               on_device(dvalue).data<W>(), dy.data<T>(), dtarget.data<W>());
        for (std::int64_t s = 0; s < n; ++s) {
          double sum = 0;
          for (std::int64_t i = s * m; i < (s + 1) * m; ++i) {
            const double d = convert_element<double>(y.data<T>()[i]) - double{target.data<W>()[i]};
            sum += loss == Loss::mse ? d * d : std::abs(d);
            const double slope = loss == Loss::mse ? 2 * d : (d > 0) - (d < 0);
            dy_ref.data<W>()[i] =
                static_cast<W>(slope) * static_cast<W>(dvalue.data<W>()[s] / double(m));
            minus.data<W>()[i] = -dy_ref.data<W>()[i];
          }
          value_ref.data<W>()[s] = static_cast<W>(sum / static_cast<double>(m));
        }
        CHECK_SAME(value, value_ref);
        CHECK_CLOSE(dy, dy_ref, (Tolerance{rounding(dtype, 1, 2).rtol, 0}));
        CHECK_CLOSE(dtarget, minus, (Tolerance{rounding(wide(dtype), 1, 2).rtol, 0}));
      }
    }
  }
}

TEST_CASE("a gradient nobody wants is not written") {
  const Tensor y = on_device(random_tensor({2, 10})),
               target = on_device(random_tensor({2, 10}, DType::f32, 2));
  const Tensor dvalue = on_device(Tensor::full({2}, 1)), dtarget = empty_on_device({2, 10});
  kernels::loss_backward<float>(test_stream(), Loss::l1, 2, 10, y.data<float>(),
                                target.data<float>(), dvalue.data<float>(), nullptr,
                                dtarget.data<float>());
  CHECK(std::abs(dtarget.to_vector<float>()[19]) == 0.1f);
  const Tensor dy = empty_on_device({2, 10});
  kernels::loss_backward<float>(test_stream(), Loss::l1, 2, 10, y.data<float>(),
                                target.data<float>(), dvalue.data<float>(), dy.data<float>(),
                                nullptr);
  CHECK(dy.to_vector<float>()[19] == -dtarget.to_vector<float>()[19]);
}

TEST_CASE("NaN reaches the value") {
  const Tensor y = on_device(Tensor::from<float>({1, NAN, 3, 4}, {2, 2}));
  const Tensor target = zeros_on_device({2, 2}), value = empty_on_device({2});
  for (const Loss loss : {Loss::mse, Loss::l1}) {
    kernels::loss(test_stream(), loss, 2, 2, y.data<float>(), target.data<float>(),
                  value.data<float>());
    CHECK(std::isnan(value.to_vector<float>()[0]));
    CHECK(std::isfinite(value.to_vector<float>()[1]));
  }
}
