// SPDX-License-Identifier: MIT
#include "layers/mix.h"

#include "layers/embedding.h"
#include "support/compare.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("every sample is mixed in its own proportion", T, float, double) {
  for (const std::int64_t n : {1, 2, 5}) {
    for (const std::int64_t size : lengths) {
      const Tensor a = random_integers({n, size}, 9, dtype_of<T>, 1);
      const Tensor b = random_integers({n, size}, 9, dtype_of<T>, 2);
      const Tensor t = Tensor::empty({n}, dtype_of<T>),
                   expected = Tensor::empty({n, size}, dtype_of<T>);
      for (std::int64_t i = 0; i < n; ++i) {
        const T ti = t.template data<T>()[i] = static_cast<T>(i + 1) / 8;
        for (std::int64_t j = 0; j < size; ++j) {
          const std::int64_t k = i * size + j;
          expected.data<T>()[k] = ti * a.data<T>()[k] + (1 - ti) * b.data<T>()[k];
        }
      }
      CHECK_SAME(mix(a, b, t), expected);
    }
  }
  CHECK(error_of([] {
          mix(Tensor::zeros({2, 3}), Tensor::zeros({2, 3}), Tensor::zeros({3}));
        }) == "mix: expected two batches alike and one t a sample, got [2,3], [2,3] and [3]");
}

TEST_CASE("gradient of the sinusoidal embedding") {
  for (const bool sine_first : {true, false}) {
    check_gradients(
        [=](const std::vector<Tensor>& in) { return sinusoidal_embedding(in[0], 4, sine_first); },
        {random_tensor({5}, DType::f64)});
  }
}
