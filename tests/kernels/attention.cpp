// SPDX-License-Identifier: MIT
#include "kernels/attention/attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
using kernels::AttentionShape;

namespace {
struct Result {
  Tensor y, dqkv;
};

Shape in_shape(const AttentionShape& s) { return {s.n, s.tokens, 3 * s.channels()}; }
Shape out_shape(const AttentionShape& s) { return {s.n, s.tokens, s.channels()}; }

template <class T>
Result run(const AttentionShape& s, const Tensor& qkv, const Tensor& dy) {
  const DType dtype = dtype_of<T>;
  const Result r{empty_on_device(out_shape(s), dtype), empty_on_device(in_shape(s), dtype)};
  const Tensor statistics = empty_on_device({2, s.rows()}, wide(dtype)), x = on_device(qkv);
  kernels::attention(test_stream(), s, x.data<T>(), r.y.data<T>(), statistics.data<Wide<T>>());
  kernels::attention_backward(test_stream(), s, x.data<T>(), r.y.data<T>(),
                              statistics.data<Wide<T>>(), on_device(dy).data<T>(),
                              r.dqkv.data<T>());
  return r;
}

// Token `i` of query (part 0), key (1) or value (2), of head h in sample n.
std::size_t place(const AttentionShape& s, std::int64_t n, std::int64_t h, int part, std::int64_t i,
                  std::int64_t c) {
  return static_cast<std::size_t>((n * s.tokens + i) * 3 * s.channels() +
                                  (3 * h + part) * s.head_channels + c);
}
std::size_t place(const AttentionShape& s, std::int64_t n, std::int64_t h, std::int64_t i,
                  std::int64_t c) {
  return static_cast<std::size_t>((n * s.tokens + i) * s.channels() + h * s.head_channels + c);
}

// Row i of p, then what it adds to y and to the gradients.
void reference_row(const AttentionShape& s, std::int64_t n, std::int64_t h, std::int64_t i,
                   const std::vector<double>& x, const std::vector<double>& dy, const Result& r) {
  const double scale = 1 / std::sqrt(static_cast<double>(s.head_channels));
  std::vector<double> p(static_cast<std::size_t>(s.tokens)), dp(p.size());
  double most = -HUGE_VAL, sum = 0, projection = 0;
  for (std::int64_t j = 0; j < s.tokens; ++j) {
    double dot = 0;
    for (std::int64_t c = 0; c < s.head_channels; ++c) {
      dot += x[place(s, n, h, 0, i, c)] * x[place(s, n, h, 1, j, c)];
      dp[static_cast<std::size_t>(j)] += dy[place(s, n, h, i, c)] * x[place(s, n, h, 2, j, c)];
    }
    most = std::max(most, p[static_cast<std::size_t>(j)] = dot * scale);
  }
  for (double& value : p) sum += value = std::exp(value - most);
  for (std::size_t j = 0; j < p.size(); ++j) projection += (p[j] /= sum) * dp[j];
  double *y = r.y.data<double>(), *d = r.dqkv.data<double>();
  for (std::int64_t j = 0; j < s.tokens; ++j) {
    const double pj = p[static_cast<std::size_t>(j)];
    const double ds = pj * (dp[static_cast<std::size_t>(j)] - projection) * scale;
    for (std::int64_t c = 0; c < s.head_channels; ++c) {
      y[place(s, n, h, i, c)] += pj * x[place(s, n, h, 2, j, c)];
      d[place(s, n, h, 0, i, c)] += ds * x[place(s, n, h, 1, j, c)];
      d[place(s, n, h, 1, j, c)] += ds * x[place(s, n, h, 0, i, c)];
      d[place(s, n, h, 2, j, c)] += pj * dy[place(s, n, h, i, c)];
    }
  }
}

Result reference(const AttentionShape& s, const Tensor& qkv, const Tensor& dy) {
  const auto x = qkv.to(DType::f64).to_vector<double>(), g = dy.to(DType::f64).to_vector<double>();
  const Result r{Tensor::zeros(out_shape(s), DType::f64), Tensor::zeros(in_shape(s), DType::f64)};
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t h = 0; h < s.heads; ++h) {
      for (std::int64_t i = 0; i < s.tokens; ++i) reference_row(s, n, h, i, x, g, r);
    }
  }
  return r;
}
}  // namespace

TEST_CASE_TEMPLATE("attention against a plain loop", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  const DType dtype = dtype_of<T>;
  for (const std::int64_t tokens : {1, 7, 64, 97, 193}) {
    for (const std::int64_t channels : {1, 3, 17, 50}) {
      const AttentionShape s{2, tokens, channels == 3 ? 3 : 1, channels};
      INFO(tokens << " tokens, " << s.heads << " heads of " << channels);
      const Tensor qkv = random_tensor(in_shape(s), dtype, 1);
      const Tensor dy = random_tensor(out_shape(s), dtype, 2);
      const Result got = run<T>(s, qkv, dy), expected = reference(s, qkv, dy);
      CHECK_CLOSE(got.y, expected.y, rounding(dtype, 4));
      CHECK_NORM_CLOSE(got.dqkv, expected.dqkv, norm_rounding(dtype, 4, 2));  // y, dqkv
    }
  }
}

// The slices in which a device takes the channels of a head, and one more than they are wide.
TEST_CASE_TEMPLATE("narrow and wide heads", T, float, bfloat16) {
  if (!runs_here<T>()) return;
  const DType dtype = dtype_of<T>;
  for (const std::int64_t channels : {4, 32, 36, 64, 68, 128, 132}) {
    const AttentionShape s{1, 70, channels < 64 ? 2 : 1, channels};
    INFO(s.heads << " heads of " << channels);
    const Tensor qkv = random_tensor(in_shape(s), dtype, 1);
    const Tensor dy = random_tensor(out_shape(s), dtype, 2);
    const Result got = run<T>(s, qkv, dy), expected = reference(s, qkv, dy);
    CHECK_CLOSE(got.y, expected.y, rounding(dtype, 4));
    CHECK_NORM_CLOSE(got.dqkv, expected.dqkv, norm_rounding(dtype, 4, 2));
  }
}

TEST_CASE("a maximum that moves from block to block, and large scores") {
  const AttentionShape s{1, 400, 1, 8};
  const Tensor qkv = random_tensor(in_shape(s), DType::f32, 1);
  const Tensor dy = random_tensor(out_shape(s), DType::f32, 2);
  for (std::int64_t i = 0; i < s.tokens; ++i) {  // later keys are larger: exponents up to 100
    for (std::int64_t c = 8; c < 16; ++c) {
      qkv.data<float>()[i * 24 + c] *= static_cast<float>(i) / 20;
    }
  }
  const Result got = run<float>(s, qkv, dy), expected = reference(s, qkv, dy);
  CHECK_CLOSE(got.y, expected.y, (Tolerance{2e-5, 2e-5}));
  CHECK_NORM_CLOSE(got.dqkv, expected.dqkv, 2e-5);
}

// Where exp(-score) overflows, so that a key beyond the last one must not count even as zero times it.
TEST_CASE("scores that are all far below zero") {
  const AttentionShape s{1, 70, 1, 8};
  const Tensor qkv = random_tensor(in_shape(s), DType::f32, 1);
  const Tensor dy = random_tensor(out_shape(s), DType::f32, 2);
  for (std::int64_t i = 0; i < s.tokens; ++i) {
    float* const token = qkv.data<float>() + i * 24;
    for (std::int64_t c = 0; c < 8; ++c) token[c] -= 20, token[8 + c] = token[8 + c] / 8 + 4;
  }
  const Result got = run<float>(s, qkv, dy), expected = reference(s, qkv, dy);
  CHECK_CLOSE(got.y, expected.y, (Tolerance{1e-4, 1e-4}));  // exponents up to 250
  CHECK_NORM_CLOSE(got.dqkv, expected.dqkv, 1e-4);
}

TEST_CASE("the same bits on any number of threads") {
  const int threads = thread_count();
  for (const AttentionShape s : {AttentionShape{1, 200, 1, 16}, AttentionShape{3, 130, 2, 8}}) {
    const Tensor qkv = random_tensor(in_shape(s)), dy = random_tensor(out_shape(s));
    set_thread_count(1);
    const Result one = run<float>(s, qkv, dy);
    for (const int more : {2, 4, 7}) {
      set_thread_count(more);
      const Result many = run<float>(s, qkv, dy);
      CHECK_SAME(many.y, one.y);
      CHECK_SAME(many.dqkv, one.dqkv);
    }
  }
  set_thread_count(threads);
}

TEST_CASE("NaN reaches every row it belongs to") {
  const AttentionShape s{2, 5, 1, 4};
  const Tensor qkv = random_tensor(in_shape(s)), y = empty_on_device(out_shape(s));
  const Tensor statistics = empty_on_device({2, s.rows()});
  qkv.data<float>()[12 + 4] = NAN;  // a key of the first sample
  kernels::attention(test_stream(), s, on_device(qkv).data<float>(), y.data<float>(),
                     statistics.data<float>());
  const auto values = y.to_vector<float>();
  for (std::size_t i = 0; i < 40; ++i) CHECK(std::isnan(values[i]) == (i < 20));
}
