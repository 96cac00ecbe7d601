// SPDX-License-Identifier: MIT
#include "kernels/transfer/transfer.h"

#include <cmath>

#include "core/convert.h"
#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Stencil;
using kernels::TransferShape;

namespace {

// All weights of a stencil, written out: rows of `in` numbers.
std::vector<std::vector<double>> dense(const Stencil& a) {
  std::vector<std::vector<double>> matrix;
  for (std::int64_t i = 0; i < a.out(); ++i) {
    auto& row = matrix.emplace_back(static_cast<std::size_t>(a.in));
    for (auto k = a.begin[i]; k < a.begin[i + 1]; ++k) row.at(a.index[k]) += a.weight[k];
  }
  return matrix;
}

// y = rows x columns, the plain way: the definition of every transfer.
template <class T>
Tensor reference(const TransferShape& s, const std::vector<std::vector<double>>& rows,
                 const std::vector<std::vector<double>>& columns, const Tensor& x) {
  const Tensor y = Tensor::zeros({s.n, s.out_h, s.out_w, s.c}, DType::f64);
  for (std::int64_t n = 0; n < s.n; ++n)
    for (std::int64_t i = 0; i < s.out_h; ++i)
      for (std::int64_t j = 0; j < s.out_w; ++j)
        for (std::int64_t k = 0; k < s.h; ++k)
          for (std::int64_t l = 0; l < s.w; ++l) {
            const double weight = rows[i][k] * columns[j][l];
            if (weight == 0) continue;
            for (std::int64_t c = 0; c < s.c; ++c) {
              y.data<double>()[((n * s.out_h + i) * s.out_w + j) * s.c + c] +=
                  weight *
                  convert_element<double>(x.data<T>()[((n * s.h + k) * s.w + l) * s.c + c]);
            }
          }
  return y.to(dtype_of<T>);
}

std::vector<std::vector<double>> transposed(const std::vector<std::vector<double>>& a,
                                            std::int64_t columns) {
  std::vector<std::vector<double>> t(columns, std::vector<double>(a.size()));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::int64_t j = 0; j < columns; ++j) t[j][i] = a[i][j];
  return t;
}

// Rows with weight `a` at 2i and `b` at 2i+1.
std::vector<std::vector<double>> pairs(std::int64_t in, std::int64_t out, double a, double b) {
  std::vector<std::vector<double>> matrix(out, std::vector<double>(in));
  for (std::int64_t i = 0; i < out; ++i) {
    matrix[i].at(2 * i) = a;
    if (b != 0) matrix[i].at(2 * i + 1) = b;
  }
  return matrix;
}

TransferShape adjoint(TransferShape s) {
  std::swap(s.h, s.out_h);
  std::swap(s.w, s.out_w);
  return s;
}

template <class F>
void for_each_halved(const F& f) {
  std::vector<ImageSize> sizes = images;
  sizes.push_back({1, 5, 75});  // whole vectors of output pixels and a rest
  for (const ImageSize& image : sizes)
    for (const auto c : channels) {
      const TransferShape s{image.n, image.h, image.w, c, image.h / 2, image.w / 2};
      if (s.out_size() == 0) continue;
      INFO("image " << s.n << "x" << s.h << "x" << s.w << "x" << s.c);
      f(s);
    }
}

}  // namespace

TEST_CASE_TEMPLATE("injection and its adjoint", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for_each_halved([](const TransferShape& s) {
    const Tensor x = random_integers({s.n, s.h, s.w, s.c}, 9, dtype_of<T>, 1);
    const Tensor dy = random_integers({s.n, s.out_h, s.out_w, s.c}, 9, dtype_of<T>, 2);
    const Tensor y = empty_on_device(dy.shape(), dtype_of<T>), x_there = on_device(x);
    const Tensor dx = empty_on_device(x.shape(), dtype_of<T>), dy_there = on_device(dy);
    kernels::inject(test_stream(), s, x_there.data<T>(), y.data<T>());
    kernels::inject_adjoint(test_stream(), s, dy_there.data<T>(), dx.data<T>());
    const auto rows = pairs(s.h, s.out_h, 1, 0), columns = pairs(s.w, s.out_w, 1, 0);
    CHECK_SAME(y, reference<T>(s, rows, columns, x));
    CHECK_SAME(dx, reference<T>(adjoint(s), transposed(rows, s.h), transposed(columns, s.w), dy));
  });
}

TEST_CASE_TEMPLATE("the sum of 2x2 pixels and its adjoint", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for_each_halved([](const TransferShape& s) {
    const Tensor x = random_integers({s.n, s.h, s.w, s.c}, 9, dtype_of<T>, 3);
    const Tensor dy = random_integers({s.n, s.out_h, s.out_w, s.c}, 9, dtype_of<T>, 4);
    const Tensor y = empty_on_device(dy.shape(), dtype_of<T>), x_there = on_device(x);
    const Tensor dx = empty_on_device(x.shape(), dtype_of<T>), dy_there = on_device(dy);
    kernels::pool2x2(test_stream(), s, Wide<T>{4}, x_there.data<T>(), y.data<T>());
    kernels::pool2x2_adjoint(test_stream(), s, Wide<T>{4}, dy_there.data<T>(), dx.data<T>());
    const auto rows = pairs(s.h, s.out_h, 2, 2), columns = pairs(s.w, s.out_w, 2, 2);
    CHECK_SAME(y, reference<T>(s, rows, columns, x));
    CHECK_SAME(dx, reference<T>(adjoint(s), transposed(rows, s.h), transposed(columns, s.w), dy));
  });
}

// A stencil of whole weights from `in` to `out` points: 0 to 3 taps, in no order, so that sums of
// whole numbers are exact.
Stencil odd_stencil(std::int64_t in, std::int64_t out, std::uint64_t seed) {
  RandomSequence random(RandomKey(seed, "stencil"));
  Stencil a;
  a.in = in;
  for (std::int64_t i = 0; i < out; ++i) {
    for (std::uint32_t k = random.below(4); k > 0; --k) {
      a.index.push_back(random.below(static_cast<std::uint32_t>(in)));
      a.weight.push_back(1.0 + random.below(5));
    }
    a.begin.push_back(a.taps());
  }
  return a;
}

TEST_CASE_TEMPLATE("resampling by any stencils, and by their transposes", T, float, double,
                   bfloat16) {
  if (!runs_here<T>()) return;
  const std::vector<std::int64_t> some = {3, 16}, many = {1, 3, 15, 16, 17};
  for (const ImageSize& image : images)
    for (const ImageSize& target : images)
      for (const std::int64_t c : test_device().is_cpu() ? many : some) {
        const TransferShape s{image.n, image.h, image.w, c, target.h, target.w};
        INFO("image " << s.n << "x" << s.h << "x" << s.w << "x" << c << " to " << s.out_h << "x"
                      << s.out_w);
        const Stencil rows = odd_stencil(s.h, s.out_h, 5), columns = odd_stencil(s.w, s.out_w, 6);
        const Tensor x = random_integers({s.n, s.h, s.w, c}, 9, dtype_of<T>, 7);
        const Tensor dy = random_integers({s.n, s.out_h, s.out_w, c}, 9, dtype_of<T>, 8);
        const Tensor y = empty_on_device(dy.shape(), dtype_of<T>), x_there = on_device(x);
        const Tensor dx = empty_on_device(x.shape(), dtype_of<T>), dy_there = on_device(dy);
        kernels::resample(test_stream(), s, rows, columns, x_there.data<T>(), y.data<T>());
        kernels::resample(test_stream(), adjoint(s), kernels::transposed(rows),
                          kernels::transposed(columns), dy_there.data<T>(), dx.data<T>());
        const auto r = dense(rows), q = dense(columns);
        CHECK_SAME(y, reference<T>(s, r, q, x));
        CHECK_SAME(dx, reference<T>(adjoint(s), transposed(r, s.h), transposed(q, s.w), dy));
      }
}

TEST_CASE("what a point does not use may be infinite") {
  const Tensor x = on_device(Tensor::from<float>({1, INFINITY, 3, NAN}, {1, 1, 4, 1}));
  const Tensor y = empty_on_device({1, 1, 2, 1});
  const TransferShape s{1, 1, 4, 1, 1, 2};
  Stencil one = kernels::nearest_stencil(1, 1, 1);
  kernels::resample(test_stream(), s, one, kernels::nearest_stencil(4, 2, 0.5), x.data<float>(),
                    y.data<float>());
  CHECK_SAME(y, Tensor::from<float>({1, 3}, {1, 1, 2, 1}));
}

TEST_CASE("an empty batch is nothing to do") {
  const TransferShape s{0, 4, 4, 3, 2, 2};
  const Tensor x = zeros_on_device({0, 4, 4, 3}), y = zeros_on_device({0, 2, 2, 3});
  const Stencil half = kernels::full_weighting_stencil(4, 2);
  kernels::inject(test_stream(), s, x.data<float>(), y.data<float>());
  kernels::pool2x2_adjoint(test_stream(), s, 1.f, y.data<float>(), x.data<float>());
  kernels::resample(test_stream(), s, half, half, x.data<float>(), y.data<float>());
}

TEST_CASE("the same bits for any number of threads") {
  const TransferShape s{3, 61, 97, 5, 30, 48};
  const Tensor x = on_device(random_tensor({3, 61, 97, 5}));
  const Tensor one = empty_on_device({3, 30, 48, 5}), four = empty_on_device({3, 30, 48, 5});
  const Stencil rows = kernels::linear_aligned_stencil(61, 30);
  const Stencil columns = kernels::linear_aligned_stencil(97, 48);
  const int before = thread_count();
  set_thread_count(1);
  kernels::resample(test_stream(), s, rows, columns, x.data<float>(), one.data<float>());
  set_thread_count(4);
  kernels::resample(test_stream(), s, rows, columns, x.data<float>(), four.data<float>());
  set_thread_count(before);
  CHECK_SAME(four, one);
}

TEST_CASE("the stencils") {
  using Matrix = std::vector<std::vector<double>>;
  CHECK(dense(kernels::nearest_stencil(5, 2, 0.5)) == Matrix{{1, 0, 0, 0, 0}, {0, 0, 1, 0, 0}});
  CHECK(dense(kernels::nearest_stencil(2, 5, 2)) == Matrix{{1, 0}, {1, 0}, {0, 1}, {0, 1}, {0, 1}});
  CHECK(dense(kernels::linear_stencil(2, 4, 2)) ==
        Matrix{{1, 0}, {0.75, 0.25}, {0.25, 0.75}, {0, 1}});
  CHECK(dense(kernels::linear_stencil(5, 2, 0.5)) ==
        Matrix{{0.5, 0.5, 0, 0, 0}, {0, 0, 0.5, 0.5, 0}});
  CHECK(dense(kernels::linear_aligned_stencil(3, 5)) ==
        Matrix{{1, 0, 0}, {0.5, 0.5, 0}, {0, 1, 0}, {0, 0.5, 0.5}, {0, 0, 1}});
  CHECK(dense(kernels::linear_aligned_stencil(3, 1)) == Matrix{{1, 0, 0}});
  CHECK(dense(kernels::area_stencil(5, 2, 0.5)) ==
        Matrix{{0.5, 0.5, 0, 0, 0}, {0, 0, 0.5, 0.5, 0}});
  CHECK(dense(kernels::area_stencil(3, 2, 2. / 3)) ==
        Matrix{{2. / 3, 1. / 3, 0}, {0, 1. / 3, 2. / 3}});
  CHECK(kernels::area_stencil(93, 31, 1. / 3).taps() == 93);
  CHECK(dense(kernels::full_weighting_stencil(4, 2)) ==
        Matrix{{0.5, 0.5, 0, 0}, {0, 0.25, 0.5, 0.25}});
  CHECK(dense(kernels::full_weighting_stencil(3, 2)) == Matrix{{0.5, 0.5, 0}, {0, 0.5, 0.5}});
}
