// SPDX-License-Identifier: MIT
#include "layers/mix.h"

#include "kernels/mix/mix.h"
#include "layers/embedding.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;

TEST_CASE_TEMPLATE("every sample is mixed in its own proportion", T, float, double) {
  if (!runs_here<T>()) return;
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
      CHECK_SAME(mix(on_device(a), on_device(b), on_device(t)), expected);
    }
  }
}

TEST_CASE("mixing is the same bits on every device, at any address and in place") {
  for (const std::int64_t size : {1, 4, 6, 1023, 1028}) {
    const Tensor a = random_tensor({3, size}), b = random_tensor({3, size}, DType::f32, 2);
    const Tensor t = Tensor::from<float>({0.3f, 0.7f, 0.123f}, {3});
    const Tensor expected = mix(a, b, t), there = on_device(b);
    CHECK_SAME(mix(on_device(a), there, on_device(t)), expected);
    const Tensor odd = empty_on_device({3 * size + 1}), ts = on_device(t), as = on_device(a);
    kernels::mix(test_stream(), 3, size, ts.data<float>(), as.data<float>(), there.data<float>(),
                 odd.data<float>() + 1);
    CHECK_SAME(odd.rows(1, 3 * size), expected.reshape({3 * size}));
    kernels::mix(test_stream(), 3, size, ts.data<float>(), as.data<float>(), there.data<float>(),
                 there.data<float>());
    CHECK_SAME(there, expected);
  }
}

TEST_CASE("more samples than a grid has blocks along y") {
  const std::int64_t n = 70001;
  const Tensor a = random_tensor({n, 1}), b = random_tensor({n, 1}, DType::f32, 2);
  const Tensor t = random_tensor({n}, DType::f32, 3);
  CHECK_SAME(mix(on_device(a), on_device(b), on_device(t)), mix(a, b, t));
}

TEST_CASE("what mix refuses") {
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
