// SPDX-License-Identifier: MIT
#include "kernels/group_norm/group_norm.h"

#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::GroupNormShape;

namespace {
struct Arrays {
  Tensor x, weight, bias, dy;
};
struct Result {
  Tensor y, dx, dweight, dbias;
};

Arrays arrays(const GroupNormShape& s, DType dtype) {
  const Shape shape{s.n, s.pixels, s.channels};
  return {random_tensor(shape, dtype, 1), random_tensor({s.channels}, wide(dtype), 2),
          random_tensor({s.channels}, wide(dtype), 3), random_tensor(shape, dtype, 4)};
}

// Parameters' gradients start from 1: they accumulate.
template <class T>
Result run(const GroupNormShape& s, const Arrays& a) {
  const DType dtype = dtype_of<T>;
  const Result r{empty_on_device(a.x.shape(), dtype), empty_on_device(a.x.shape(), dtype),
                 on_device(Tensor::full({s.channels}, 1, wide(dtype))),
                 on_device(Tensor::full({s.channels}, 1, wide(dtype)))};
  const Tensor x = on_device(a.x), weight = on_device(a.weight), bias = on_device(a.bias),
               dy = on_device(a.dy);
  const Tensor mean = empty_on_device({s.n, s.groups}, DType::f64);
  const Tensor rstd = empty_on_device({s.n, s.groups}, DType::f64);
  kernels::group_norm(test_stream(), s, 1e-5, x.data<T>(), weight.data<Wide<T>>(),
                      bias.data<Wide<T>>(), r.y.data<T>(), mean.data<double>(),
                      rstd.data<double>());
  kernels::group_norm_backward(test_stream(), s, x.data<T>(), weight.data<Wide<T>>(),
                               mean.data<double>(), rstd.data<double>(), dy.data<T>(),
                               r.dx.data<T>(), r.dweight.data<Wide<T>>(), r.dbias.data<Wide<T>>());
  return r;
}

// Sample `n`, group `g` of the reference: plain sums over the elements of the group.
void reference_group(const GroupNormShape& s, const std::vector<std::int64_t>& elements,
                     const std::vector<double>& x, const std::vector<double>& weight,
                     const std::vector<double>& bias, const std::vector<double>& dy,
                     const Result& r) {
  const auto size = static_cast<long double>(elements.size());
  const auto at = [](const std::vector<double>& v, std::int64_t i) {
    return static_cast<long double>(v[static_cast<std::size_t>(i)]);
  };
  long double mean = 0, variance = 0, mean_g = 0, mean_gx = 0;
  for (const auto i : elements) mean += at(x, i) / size;
  for (const auto i : elements) variance += (at(x, i) - mean) * (at(x, i) - mean) / size;
  const long double rstd = 1 / std::sqrt(variance + 1e-5L);
  for (const auto i : elements) {
    const std::int64_t c = i % s.channels;
    const long double normal = (at(x, i) - mean) * rstd, g = at(dy, i);
    r.y.data<double>()[i] = static_cast<double>(normal * at(weight, c) + at(bias, c));
    r.dweight.data<double>()[c] += static_cast<double>(g * normal);
    r.dbias.data<double>()[c] += static_cast<double>(g);
    mean_g += at(weight, c) * g / size;
    mean_gx += at(weight, c) * g * normal / size;
  }
  for (const auto i : elements) {
    const long double normal = (at(x, i) - mean) * rstd, g = at(weight, i % s.channels) * at(dy, i);
    r.dx.data<double>()[i] = static_cast<double>(rstd * (g - mean_g - normal * mean_gx));
  }
}

Result reference(const GroupNormShape& s, const Arrays& a) {
  const auto values = [](const Tensor& t) { return t.to(DType::f64).to_vector<double>(); };
  const auto x = values(a.x), weight = values(a.weight), bias = values(a.bias), dy = values(a.dy);
  const Result r{Tensor::zeros(a.x.shape(), DType::f64), Tensor::zeros(a.x.shape(), DType::f64),
                 Tensor::full({s.channels}, 1, DType::f64),
                 Tensor::full({s.channels}, 1, DType::f64)};
  for (std::int64_t n = 0; n < s.n; ++n) {
    for (std::int64_t g = 0; g < s.groups; ++g) {
      std::vector<std::int64_t> elements;
      for (std::int64_t p = 0; p < s.pixels; ++p) {
        for (std::int64_t c = 0; c < s.channels; ++c) {
          if (c / s.group_channels() == g) {
            elements.push_back((n * s.pixels + p) * s.channels + c);
          }
        }
      }
      reference_group(s, elements, x, weight, bias, dy, r);
    }
  }
  return r;
}
}  // namespace

TEST_CASE_TEMPLATE("group norm against a plain loop", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  const DType dtype = dtype_of<T>;
  for (const ImageSize& image : images) {
    for (const std::int64_t c : channels) {
      // One that vectors fit and one that they do not are enough for a simulator.
      const bool narrow = std::is_same_v<T, bfloat16>;
      if (!test_device().is_cpu() && (c == 16 || c == (narrow ? 100 : 32))) continue;
      for (const std::int64_t groups : {std::int64_t{1}, c % 4 == 0 ? c / 4 : c, c}) {
        const GroupNormShape s{image.n, image.h * image.w, c, groups};
        if (s.group_size() < 3) continue;  // dx is what rounding leaves; below
        INFO(s.n << " samples, " << s.pixels << " pixels, " << c << " channels, " << groups
                 << " groups");
        const Arrays a = arrays(s, dtype);
        const Result got = run<T>(s, a), expected = reference(s, a);
        CHECK_CLOSE(got.y, expected.y, rounding(dtype, 4));
        CHECK_NORM_CLOSE(got.dx, expected.dx, norm_rounding(dtype, 100));
        CHECK_NORM_CLOSE(got.dweight, expected.dweight, rounding(wide(dtype), 4).rtol);
        CHECK_NORM_CLOSE(got.dbias, expected.dbias, rounding(wide(dtype), 4).rtol);
      }
    }
  }
}

TEST_CASE("a group without variance gives the bias") {
  const GroupNormShape s{2, 1, 17, 17};
  const Arrays a = arrays(s, DType::f32);
  const Result r = run<float>(s, a);
  const Tensor y = on_host(r.y), dx = on_host(r.dx);
  for (std::int64_t i = 0; i < 34; ++i) {
    CHECK(y.data<float>()[i] == a.bias.data<float>()[i % 17]);
    CHECK(std::abs(dx.data<float>()[i]) < 3e-4f);  // rounding, times rstd = 316
  }
  CHECK_SAME(r.dweight, Tensor::full({17}, 1));
}

TEST_CASE("a mean of 1e4 does not spoil a deviation of 1") {
  for (const GroupNormShape& s : {GroupNormShape{2, 1000, 32, 16}, GroupNormShape{1, 5000, 3, 1}}) {
    const Arrays a = arrays(s, DType::f32);
    for (std::int64_t i = 0; i < a.x.numel(); ++i) a.x.data<float>()[i] += 1e4f;
    const Result got = run<float>(s, a), expected = reference(s, a);
    CHECK_CLOSE(got.y, expected.y, (Tolerance{2e-6, 2e-6}));
    CHECK_CLOSE(got.dx, expected.dx, (Tolerance{2e-6, 2e-6}));
    CHECK_NORM_CLOSE(got.dweight, expected.dweight, 1e-6);
  }
}

// More pixels than the pieces of a device have at least, more channels than a block of it is wide.
TEST_CASE("many pixels, many channels, in place, and gradients that nobody wants") {
  for (const GroupNormShape& s : {GroupNormShape{2, 2100, 32, 8}, GroupNormShape{1, 2100, 6, 2},
                                  GroupNormShape{2, 5, 1032, 2}}) {
    INFO(s.n << " samples, " << s.pixels << " pixels, " << s.channels << " channels");
    const Arrays a = arrays(s, DType::f32);
    a.x.data<float>()[0] = 100;  // far from all others
    const Result got = run<float>(s, a), expected = reference(s, a);
    CHECK_CLOSE(got.y, expected.y, rounding(DType::f32, 4));
    CHECK_NORM_CLOSE(got.dx, expected.dx, rounding(DType::f32, 100).rtol);
    CHECK_NORM_CLOSE(got.dweight, expected.dweight, rounding(DType::f32, 4).rtol);
    CHECK_NORM_CLOSE(got.dbias, expected.dbias, rounding(DType::f32, 4).rtol);

    const Tensor x = on_device(a.x).clone(), dy = on_device(a.dy).clone();
    const Tensor weight = on_device(a.weight), bias = on_device(a.bias);
    const Tensor mean = empty_on_device({s.n, s.groups}, DType::f64);
    const Tensor rstd = empty_on_device({s.n, s.groups}, DType::f64);
    const Tensor dbias = on_device(Tensor::full({s.channels}, 1)), before = x.clone();
    const auto backward = [&](float* dx, float* to_bias) {
      kernels::group_norm_backward<float>(
          test_stream(), s, before.data<float>(), weight.data<float>(), mean.data<double>(),
          rstd.data<double>(), dy.data<float>(), dx, nullptr, to_bias);
    };
    kernels::group_norm(test_stream(), s, 1e-5, x.data<float>(), weight.data<float>(),
                        bias.data<float>(), x.data<float>(), mean.data<double>(),
                        rstd.data<double>());
    CHECK_SAME(x, got.y);
    backward(nullptr, dbias.data<float>());
    CHECK_SAME(dbias, got.dbias);
    backward(dy.data<float>(), nullptr);
    CHECK_SAME(dy, got.dx);
  }
}

TEST_CASE("the same bits on any number of threads") {
  const int threads = thread_count();
  for (const GroupNormShape& s : {GroupNormShape{1, 4099, 32, 16}, GroupNormShape{7, 65, 48, 16}}) {
    const Arrays a = arrays(s, DType::f32);
    set_thread_count(1);
    const Result one = run<float>(s, a);
    for (const int more : {2, 5}) {
      set_thread_count(more);
      const Result many = run<float>(s, a);
      CHECK_SAME(many.y, one.y);
      CHECK_SAME(many.dx, one.dx);
      CHECK_SAME(many.dweight, one.dweight);
      CHECK_SAME(many.dbias, one.dbias);
    }
  }
  set_thread_count(threads);
}
