// SPDX-License-Identifier: MIT
#include "kernels/group_norm/group_norm.h"

#include <cmath>
#include <string>
#include <vector>

#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::GroupNormShape;
using kernels::NormActivation;

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
Result run(const GroupNormShape& s, const Arrays& a, NormActivation act = NormActivation::none) {
  const DType dtype = dtype_of<T>;
  const Result r{empty_on_device(a.x.shape(), dtype), empty_on_device(a.x.shape(), dtype),
                 on_device(Tensor::full({s.channels}, 1, wide(dtype))),
                 on_device(Tensor::full({s.channels}, 1, wide(dtype)))};
  const Tensor x = on_device(a.x), weight = on_device(a.weight), bias = on_device(a.bias),
               dy = on_device(a.dy);
  const Tensor mean = empty_on_device({s.n, s.groups}, DType::f64);
  const Tensor rstd = empty_on_device({s.n, s.groups}, DType::f64);
  kernels::group_norm(test_stream(), s, 1e-5, x.data<T>(), weight.data<Wide<T>>(),
                      bias.data<Wide<T>>(), act, r.y.data<T>(), mean.data<double>(),
                      rstd.data<double>());
  kernels::group_norm_backward(test_stream(), s, x.data<T>(), weight.data<Wide<T>>(),
                               bias.data<Wide<T>>(), act, mean.data<double>(), rstd.data<double>(),
                               dy.data<T>(), r.dx.data<T>(), false, r.dweight.data<Wide<T>>(),
                               r.dbias.data<Wide<T>>());
  return r;
}

// Sample `n`, group `g` of the reference: plain sums over the elements of the group.
void reference_group(const GroupNormShape& s, const std::vector<std::int64_t>& elements,
                     const std::vector<double>& x, const std::vector<double>& weight,
                     const std::vector<double>& bias, const std::vector<double>& dy,
                     NormActivation act, const Result& r) {
  const auto size = static_cast<long double>(elements.size());
  const auto at = [](const std::vector<double>& v, std::int64_t i) {
    return static_cast<long double>(v[static_cast<std::size_t>(i)]);
  };
  long double mean = 0, variance = 0, mean_g = 0, mean_gx = 0;
  for (const auto i : elements) mean += at(x, i) / size;
  for (const auto i : elements) variance += (at(x, i) - mean) * (at(x, i) - mean) / size;
  const long double rstd = 1 / std::sqrt(variance + 1e-5L);
  const auto normal_of = [&](std::int64_t i) { return (at(x, i) - mean) * rstd; };
  const auto z_of = [&](std::int64_t i) {
    return normal_of(i) * at(weight, i % s.channels) + at(bias, i % s.channels);
  };
  const auto sigmoid = [](long double z) { return 1 / (1 + std::exp(-z)); };
  const auto dz_of = [&](std::int64_t i) {
    if (act == NormActivation::none) return at(dy, i);
    const long double z = z_of(i), p = sigmoid(z);
    return at(dy, i) * (p + z * p * (1 - p));
  };
  for (const auto i : elements) {
    const std::int64_t c = i % s.channels;
    const long double normal = normal_of(i), z = z_of(i), g = dz_of(i);
    const bool silu = act == NormActivation::silu;
    r.y.data<double>()[i] = static_cast<double>(silu ? z * sigmoid(z) : z);
    r.dweight.data<double>()[c] += static_cast<double>(g * normal);
    r.dbias.data<double>()[c] += static_cast<double>(g);
    mean_g += at(weight, c) * g / size;
    mean_gx += at(weight, c) * g * normal / size;
  }
  for (const auto i : elements) {
    const long double normal = normal_of(i), g = at(weight, i % s.channels) * dz_of(i);
    r.dx.data<double>()[i] = static_cast<double>(rstd * (g - mean_g - normal * mean_gx));
  }
}

Result reference(const GroupNormShape& s, const Arrays& a,
                 NormActivation act = NormActivation::none) {
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
      reference_group(s, elements, x, weight, bias, dy, act, r);
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
        for (const NormActivation act : {NormActivation::none, NormActivation::silu}) {
          INFO(std::string(act == NormActivation::silu ? "with silu" : "alone"));
          const Result got = run<T>(s, a, act), expected = reference(s, a, act);
          CHECK_CLOSE(got.y, expected.y, rounding(dtype, 4));
          CHECK_NORM_CLOSE(got.dx, expected.dx, norm_rounding(dtype, 100));
          CHECK_NORM_CLOSE(got.dweight, expected.dweight, rounding(wide(dtype), 100).rtol);
          CHECK_NORM_CLOSE(got.dbias, expected.dbias, rounding(wide(dtype), 100).rtol);
        }
      }
    }
  }
}

TEST_CASE("no samples change nothing") {
  if (!test_device().is_cpu()) return;
  const GroupNormShape s{.n = 0, .pixels = 4, .channels = 8, .groups = 2};
  CHECK_SAME(run<float>(s, arrays(s, DType::f32)).dweight, Tensor::full({8}, 1));
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
    const auto act = NormActivation::silu;
    const Result got = run<float>(s, a, act), expected = reference(s, a, act);
    CHECK_CLOSE(got.y, expected.y, rounding(DType::f32, 4));
    CHECK_NORM_CLOSE(got.dx, expected.dx, rounding(DType::f32, 100).rtol);
    CHECK_NORM_CLOSE(got.dweight, expected.dweight, rounding(DType::f32, 4).rtol);
    CHECK_NORM_CLOSE(got.dbias, expected.dbias, rounding(DType::f32, 4).rtol);

    const Tensor x = on_device(a.x).clone(), dy = on_device(a.dy).clone();
    const Tensor weight = on_device(a.weight), bias = on_device(a.bias);
    const Tensor mean = empty_on_device({s.n, s.groups}, DType::f64);
    const Tensor rstd = empty_on_device({s.n, s.groups}, DType::f64);
    const Tensor dbias = on_device(Tensor::full({s.channels}, 1)), before = x.clone();
    const auto backward = [&](float* dx, bool accumulate, float* to_bias) {
      kernels::group_norm_backward<float>(test_stream(), s, before.data<float>(),
                                          weight.data<float>(), bias.data<float>(), act,
                                          mean.data<double>(), rstd.data<double>(),
                                          dy.data<float>(), dx, accumulate, nullptr, to_bias);
    };
    kernels::group_norm(test_stream(), s, 1e-5, x.data<float>(), weight.data<float>(),
                        bias.data<float>(), act, x.data<float>(), mean.data<double>(),
                        rstd.data<double>());
    CHECK_SAME(x, got.y);
    backward(nullptr, false, dbias.data<float>());
    CHECK_SAME(dbias, got.dbias);
    const Tensor sum = on_device(random_tensor(a.x.shape(), DType::f32, 5)), start = sum.clone();
    backward(sum.data<float>(), true, nullptr);
    backward(dy.data<float>(), false, nullptr);
    CHECK_SAME(dy, got.dx);
    accumulate(dy, start);
    CHECK_CLOSE(sum, dy, rounding(DType::f32, 1));
  }
}

TEST_CASE("the same bits on any number of threads") {
  const int threads = thread_count();
  for (const GroupNormShape& s : {GroupNormShape{1, 4099, 32, 16}, GroupNormShape{7, 65, 48, 16}}) {
    const Arrays a = arrays(s, DType::f32);
    set_thread_count(1);
    const Result one = run<float>(s, a, NormActivation::silu);
    for (const int more : {2, 5}) {
      set_thread_count(more);
      const Result many = run<float>(s, a, NormActivation::silu);
      CHECK_SAME(many.y, one.y);
      CHECK_SAME(many.dx, one.dx);
      CHECK_SAME(many.dweight, one.dweight);
      CHECK_SAME(many.dbias, one.dbias);
    }
  }
  set_thread_count(threads);
}
