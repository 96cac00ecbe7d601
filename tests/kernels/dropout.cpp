// SPDX-License-Identifier: MIT
#include "kernels/dropout/dropout.h"

#include <cmath>

#include "core/convert.h"
#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::DropoutKey;
using kernels::DropoutShape;

namespace {
template <class T>
Tensor dropout(const DropoutShape& s, const DropoutKey& key, double p,
               const std::vector<std::int64_t>& ids, const Tensor& x) {
  const Tensor y = empty_on_device(x.shape(), x.dtype()), x_there = on_device(x);
  const Tensor ids_there = on_device(Tensor::from(ids, {static_cast<std::int64_t>(ids.size())}));
  kernels::dropout(test_stream(), s, key, p, ids_there.data<std::int64_t>(), x_there.data<T>(),
                   y.data<T>());
  return on_host(y);
}

Shape shape_of(const DropoutShape& s) { return {s.n, s.h, s.w, s.c}; }
}  // namespace

TEST_CASE_TEMPLATE("vectors give the mask of the scalar definition", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const auto& image : images) {
    for (const auto c : channels) {
      const DropoutShape s{image.n, image.h, image.w, c};
      INFO(shape_of(s).str());
      const DropoutKey key{RandomKey(3, "dropout", 11), 4};
      const std::vector<std::int64_t> ids = {7, 1'000'000'000'000, 3};
      const double p = 0.25;
      const Tensor x = random_tensor(shape_of(s), dtype_of<T>);
      const Tensor expected = Tensor::empty(x.shape(), dtype_of<T>);
      for (std::int64_t i = 0; i < s.numel(); ++i) {
        const auto k = static_cast<std::uint32_t>(i % c),
                   column = static_cast<std::uint32_t>(i / c % s.w);
        const auto row = static_cast<std::uint32_t>(i / c / s.w % s.h);
        const auto id = ids[static_cast<std::size_t>(i / c / s.w / s.h)];
        const PhiloxBlock words = kernels::dropout_words(kernels::dropout_sample_words(key.key, id),
                                                         4 * row, 4 * column, k / 4);
        const bool kept = uniform01(words[k % 4]) >= 0.25f;
        const auto xi = convert_element<Wide<T>>(x.data<T>()[i]);
        expected.data<T>()[i] =
            kept ? convert_element<T>(static_cast<Wide<T>>(1 / 0.75) * xi) : T{0};
      }
      CHECK_SAME(dropout<T>(s, key, p, ids, x), expected);
    }
  }
}

TEST_CASE("the coarse mask is the injection of the fine mask, for even and odd sizes") {
  for (const std::int64_t c : {3, 16}) {
    for (const std::int64_t h : {8, 9}) {
      const DropoutShape fine{2, h, 7, c}, coarse{2, (h + 1) / 2, 4, c};
      const RandomKey key(5, "dropout", 2);
      const auto f = dropout<float>(fine, {key, 3}, 0.5, {4, 9}, Tensor::full(shape_of(fine), 1));
      const auto g =
          dropout<float>(coarse, {key, 6}, 0.5, {4, 9}, Tensor::full(shape_of(coarse), 1));
      const Tensor injected = Tensor::empty(g.shape());
      for (std::int64_t i = 0; i < g.numel(); ++i) {
        const std::int64_t k = i % c, j = i / c % coarse.w, r = i / c / coarse.w % coarse.h;
        const std::int64_t n = i / c / coarse.w / coarse.h;
        injected.data<float>()[i] = f.data<float>()[((n * h + 2 * r) * fine.w + 2 * j) * c + k];
      }
      CHECK_SAME(g, injected);
    }
  }
}

TEST_CASE("a sample keeps its mask in any batch, and other samples, steps and layers have others") {
  const DropoutShape one{1, 5, 6, 8}, three{3, 5, 6, 8};
  const DropoutKey key{RandomKey(5, "dropout/a", 2)};
  const Tensor x = Tensor::full(shape_of(one), 1);
  const Tensor batch =
      dropout<float>(three, key, 0.5, {4, 9, -1}, Tensor::full(shape_of(three), 1));
  const Tensor alone = dropout<float>(one, key, 0.5, {9}, x);
  CHECK_SAME(alone, batch.rows(1, 1));
  const auto differs = [&](const Tensor& other) { return difference(other, alone, {}) != ""; };
  CHECK(differs(batch.rows(0, 1)));
  CHECK(differs(batch.rows(2, 1)));
  CHECK(differs(dropout<float>(one, {RandomKey(5, "dropout/a", 3)}, 0.5, {9}, x)));
  CHECK(differs(dropout<float>(one, {RandomKey(5, "dropout/b", 2)}, 0.5, {9}, x)));
  CHECK(differs(dropout<float>(one, {RandomKey(6, "dropout/a", 2)}, 0.5, {9}, x)));
}

TEST_CASE("the share of what is dropped is p, along every direction") {
  const DropoutShape s{8, 32, 32, 32};
  const std::vector<std::int64_t> ids = {0, 1, 2, 3, 4, 5, 6, 7};
  for (const double p : {0.1, 0.5, 0.9}) {
    const auto y = dropout<float>(s, {RandomKey(1, "share")}, p, ids, Tensor::full(shape_of(s), 1));
    const float* v = y.data<float>();
    double dropped = 0;
    for (std::int64_t i = 0; i < s.numel(); ++i) dropped += v[i] == 0;
    const auto n = static_cast<double>(s.numel());
    CHECK(std::abs(dropped / n - p) < 5 * std::sqrt(p * (1 - p) / n));
    // Neighbours in channel, column, row and sample do not know of each other.
    for (const std::int64_t stride : {std::int64_t{1}, s.c, s.c * s.w, s.c * s.w * s.h}) {
      double both = 0;
      const std::int64_t pairs = s.numel() - stride;
      for (std::int64_t i = 0; i < pairs; ++i) both += v[i] == 0 && v[i + stride] == 0;
      const auto m = static_cast<double>(pairs);
      // Pairs overlap: a chain of indicators has at most three times the variance.
      CHECK(std::abs(both / m - p * p) < 5 * std::sqrt(3 * p * p * (1 - p * p) / m));
    }
  }
}

TEST_CASE("the step may lie in memory of the device, and a batch at any address") {
  const DropoutShape s{3, 5, 6, 8};
  const std::vector<std::int64_t> ids = {4, 9, -1};
  const Tensor x = random_tensor(shape_of(s)),
               step = on_device(Tensor::from<std::int64_t>({7}, {1}));
  const Tensor expected = dropout<float>(s, {RandomKey(5, "a", 7)}, 0.5, ids, x);
  CHECK_SAME(dropout<float>(s, {RandomKey(5, "a", 2), 1, step.data<std::int64_t>()}, 0.5, ids, x),
             expected);
  const Tensor odd = empty_on_device({s.numel() + 1}),
               ids_there = on_device(Tensor::from(ids, {3}));
  odd.rows(1, s.numel()).copy_from(x.reshape({s.numel()}));
  float* in_place = odd.data<float>() + 1;
  kernels::dropout(test_stream(), s, {RandomKey(5, "a", 7)}, 0.5, ids_there.data<std::int64_t>(),
                   in_place, in_place);
  CHECK_SAME(odd.rows(1, s.numel()).clone().reshape(x.shape()), expected);
}

TEST_CASE("everything is kept at 0 and dropped at 1") {
  const DropoutShape s{2, 3, 3, 5};
  const Tensor x = random_tensor(shape_of(s));
  CHECK_SAME(dropout<float>(s, {RandomKey(1, "")}, 0, {1, 2}, x), x);
  CHECK_SAME(dropout<float>(s, {RandomKey(1, "")}, 1, {1, 2}, x), Tensor::zeros(x.shape()));
}

TEST_CASE("the mask does not depend on the number of threads") {
  const DropoutShape s{3, 31, 33, 20};
  const Tensor x = random_tensor(shape_of(s));
  set_thread_count(1);
  const Tensor first = dropout<float>(s, {RandomKey(1, "")}, 0.5, {1, 2, 3}, x);
  for (const int threads : {2, 5}) {
    set_thread_count(threads);
    CHECK_SAME(dropout<float>(s, {RandomKey(1, "")}, 0.5, {1, 2, 3}, x), first);
  }
  set_thread_count(1);
}
