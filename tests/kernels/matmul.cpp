// SPDX-License-Identifier: MIT
#include "kernels/matmul/matmul.h"

#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::MatmulShape;

namespace {

template <class T>
Tensor reference(const MatmulShape& s, const Tensor& a, const Tensor& b, const Tensor& start) {
  const Tensor c = Tensor::empty({s.m, s.n}, DType::f64);
  for (std::int64_t i = 0; i < s.m; ++i) {
    for (std::int64_t j = 0; j < s.n; ++j) {
      double sum = start.data<T>()[start.rank() == 1 ? j : i * s.n + j];
      for (std::int64_t p = 0; p < s.k; ++p) {
        sum += double{a.data<T>()[s.transpose_a ? p * s.m + i : i * s.k + p]} *
               double{b.data<T>()[s.transpose_b ? j * s.k + p : p * s.n + j]};
      }
      c.data<double>()[i * s.n + j] = sum;
    }
  }
  return c;
}

template <class T>
void check(const MatmulShape& s) {
  INFO(s.m << " x " << s.n << " x " << s.k << ", transposed " << s.transpose_a << s.transpose_b);
  const Tensor a = random_integers({s.m * s.k}, 4, dtype_of<T>, 1);
  const Tensor b = random_integers({s.k * s.n}, 4, dtype_of<T>, 2);
  const Tensor bias = random_integers({s.n}, 9, dtype_of<T>, 3);
  const Tensor c = empty_on_device({s.m, s.n}, dtype_of<T>);
  const Tensor a_there = on_device(a), b_there = on_device(b), bias_there = on_device(bias);
  kernels::matmul(test_stream(), s, a_there.data<T>(), b_there.data<T>(), bias_there.data<T>(),
                  c.data<T>());
  CHECK_SAME(c, reference<T>(s, a, b, bias));
  kernels::matmul<T>(test_stream(), s, a_there.data<T>(), b_there.data<T>(), nullptr, c.data<T>());
  CHECK_SAME(c, reference<T>(s, a, b, Tensor::zeros({s.n}, dtype_of<T>)));
  const Tensor expected = reference<T>(s, a, b, on_host(c));
  kernels::matmul_accumulate(test_stream(), s, a_there.data<T>(), b_there.data<T>(), c.data<T>());
  CHECK_SAME(c, expected);
}

}  // namespace

TEST_CASE_TEMPLATE("matmul, exact on whole numbers", T, float, double) {
  if (!runs_here<T>()) return;
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const auto n : channels) {
        for (const std::int64_t m : {1, 2, 3, 5, 7, 8, 9, 17, 65}) {
          check<T>(
              {.m = m, .n = n, .k = 11, .transpose_a = transpose_a, .transpose_b = transpose_b});
        }
        check<T>({.m = 6, .n = n, .k = 1, .transpose_a = transpose_a, .transpose_b = transpose_b});
        // Longer than the part of the sum that is packed, or in shared memory, at a time.
        const std::int64_t k = test_device().is_cpu() ? 2050 : 50;
        check<T>({.m = 9, .n = n, .k = k, .transpose_a = transpose_a, .transpose_b = transpose_b});
      }
    }
  }
}

TEST_CASE_TEMPLATE("matmul of large matrices, where tiles are larger", T, float, double) {
  if (!runs_here<T>()) return;
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      check<T>(
          {.m = 4, .n = 8192, .k = 20, .transpose_a = transpose_a, .transpose_b = transpose_b});
    }
  }
  check<T>({.m = 130, .n = 4097, .k = 3, .transpose_b = true});
  check<T>({.m = 130, .n = 4100, .k = 17, .transpose_a = true});
}

TEST_CASE("matmul of nothing") {
  const Tensor bias = on_device(Tensor::from<float>({1, 2, 3}, {3})), c = empty_on_device({2, 3});
  kernels::matmul<float>(test_stream(), {.m = 0, .n = 3, .k = 4}, nullptr, nullptr, nullptr,
                         nullptr);
  kernels::matmul<float>(test_stream(), {.m = 2, .n = 3, .k = 0}, nullptr, nullptr,
                         bias.data<float>(), c.data<float>());
  CHECK_SAME(c, Tensor::from<float>({1, 2, 3, 1, 2, 3}, {2, 3}));
}

TEST_CASE("matmul has the same bits on any number of threads") {
  const MatmulShape s{.m = 300, .n = 70, .k = 1500};
  const Tensor a = random_tensor({s.m, s.k}), b = random_tensor({s.k, s.n});
  const int threads = thread_count();
  Tensor first;
  for (const int t : {1, 2, 3, 7}) {
    set_thread_count(t);
    const Tensor c = Tensor::empty({s.m, s.n});
    kernels::matmul<float>(Stream(), s, a.data<float>(), b.data<float>(), nullptr, c.data<float>());
    if (!first.defined()) first = c;
    CHECK_SAME(c, first);
  }
  set_thread_count(threads);
}
