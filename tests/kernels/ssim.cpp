// SPDX-License-Identifier: MIT
#include "kernels/ssim/ssim.h"

#include <cmath>
#include <vector>

#include "core/parallel.h"
#include "support/compare.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::SsimShape;

namespace {
using Map = std::vector<double>;

struct Result {
  Tensor value, da, db;
};

template <class T>
Result run(const SsimShape& s, double range, const Tensor& a, const Tensor& b, const Tensor& dvalue,
           const Device& device = {}) {
  const DType dtype = dtype_of<T>;
  const auto empty = [&](const Shape& shape) { return Tensor::empty(shape, dtype, device); };
  const Result r{empty({s.n}), empty(a.shape()), empty(a.shape())};
  const Tensor slopes = empty({4, s.numel()}), u = a.to(device), v = b.to(device);
  const Stream stream = Stream::current(device);
  kernels::ssim(stream, s, range, u.data<T>(), v.data<T>(), r.value.data<T>(), slopes.data<T>());
  kernels::ssim_backward(stream, s, u.data<T>(), v.data<T>(), slopes.data<T>(),
                         dvalue.to(device).data<T>(), r.da.data<T>(), r.db.data<T>());
  return r;
}

// The 11x11 window applied directly.
Map blur(const SsimShape& s, const Map& x) {
  const auto w = kernels::ssim_window();
  Map y(x.size());
  for (std::int64_t i = 0; i < s.numel(); ++i) {
    const std::int64_t c = i % s.channels, u = i / s.channels % s.width,
                       v = i / (s.channels * s.width) % s.height, n = i / s.sample();
    for (int dv = -5; dv <= 5; ++dv) {
      for (int du = -5; du <= 5; ++du) {
        if (v + dv < 0 || v + dv >= s.height || u + du < 0 || u + du >= s.width) continue;
        const auto from = ((n * s.height + v + dv) * s.width + u + du) * s.channels + c;
        y[static_cast<std::size_t>(i)] += w[static_cast<std::size_t>(std::abs(dv))] *
                                          w[static_cast<std::size_t>(std::abs(du))] *
                                          x[static_cast<std::size_t>(from)];
      }
    }
  }
  return y;
}

Tensor reference(const SsimShape& s, double range, const Tensor& a, const Tensor& b) {
  const Map u = a.to(DType::f64).to_vector<double>(), v = b.to(DType::f64).to_vector<double>();
  Map uu(u.size()), vv(u.size()), uv(u.size());
  for (std::size_t i = 0; i < u.size(); ++i) {
    uu[i] = u[i] * u[i], vv[i] = v[i] * v[i], uv[i] = u[i] * v[i];
  }
  const Map mu = blur(s, u), mv = blur(s, v), muu = blur(s, uu), mvv = blur(s, vv),
            muv = blur(s, uv);
  const double c1 = 1e-4 * range * range, c2 = 9e-4 * range * range;
  const Tensor value = Tensor::zeros({s.n}, DType::f64);
  for (std::size_t i = 0; i < u.size(); ++i) {
    const double suu = muu[i] - mu[i] * mu[i], svv = mvv[i] - mv[i] * mv[i];
    const double similarity = (2 * mu[i] * mv[i] + c1) * (2 * (muv[i] - mu[i] * mv[i]) + c2) /
                              ((mu[i] * mu[i] + mv[i] * mv[i] + c1) * (suu + svv + c2));
    value.data<double>()[static_cast<std::int64_t>(i) / s.sample()] +=
        similarity / static_cast<double>(s.sample());
  }
  return value;
}

Tensor images_of(const SsimShape& s, DType dtype, std::uint64_t seed) {
  return random_tensor({s.n, s.height, s.width, s.channels}, dtype, seed);
}
}  // namespace

TEST_CASE("the window sums to one") {
  const auto w = kernels::ssim_window();
  double sum = w[0];
  for (std::size_t i = 1; i < w.size(); ++i) sum += 2 * w[i];
  CHECK(sum == doctest::Approx(1).epsilon(1e-15));
  CHECK(w[3] / w[0] == doctest::Approx(std::exp(-2.0)).epsilon(1e-15));
}

TEST_CASE_TEMPLATE("ssim against the window applied directly", T, float, double) {
  if (!runs_here<T>()) return;
  auto sizes = images;
  sizes.push_back({2, 17, 33});  // one more than a device's tile
  for (const ImageSize& image : sizes) {
    for (const std::int64_t c : {1, 3, 17}) {
      for (const double range : {1.0, 255.0}) {
        if (range > 1 && c != 3) continue;
        const SsimShape s{image.n, image.h, image.w, c};
        INFO(image.n << " images " << image.h << " x " << image.w << " x " << c);
        const Tensor a = images_of(s, dtype_of<T>, 1), b = images_of(s, dtype_of<T>, 2);
        for (std::int64_t i = 0; i < s.numel(); ++i) {
          a.data<T>()[i] = static_cast<T>(range) * (a.data<T>()[i] + 1);
          b.data<T>()[i] = a.data<T>()[i] + static_cast<T>(range) * b.data<T>()[i];
        }
        const Tensor dvalue = random_tensor({s.n}, dtype_of<T>, 3);
        const Result got = run<T>(s, range, a, b, dvalue, test_device());
        CHECK_CLOSE(got.value, reference(s, range, a, b), rounding(dtype_of<T>, 16));
        // Gradients against those in f64, which tests/layers holds against finite differences.
        const auto wide = [](const Tensor& x) { return x.to(DType::f64); };
        const Result ref = run<double>(s, range, wide(a), wide(b), wide(dvalue));
        CHECK_NORM_CLOSE(got.da, ref.da, rounding(dtype_of<T>, 100).rtol);
        CHECK_NORM_CLOSE(got.db, ref.db, rounding(dtype_of<T>, 100).rtol);
      }
    }
  }
}

TEST_CASE("without slopes, and with one gradient") {
  const SsimShape s{2, 20, 23, 3};
  const Tensor a = on_device(images_of(s, DType::f32, 1)),
               b = on_device(images_of(s, DType::f32, 2));
  const Tensor dvalue = on_device(random_tensor({2})), slopes = empty_on_device({4, s.numel()});
  const Result both = run<float>(s, 1, a, b, dvalue, test_device());
  const Tensor value = empty_on_device({2}), da = empty_on_device(a.shape()), db = da.clone();
  kernels::ssim<float>(test_stream(), s, 1, a.data<float>(), b.data<float>(), value.data<float>(),
                       nullptr);
  CHECK_SAME(value, both.value);
  kernels::ssim(test_stream(), s, 1, a.data<float>(), b.data<float>(), value.data<float>(),
                slopes.data<float>());
  const auto backward = [&](float* to_a, float* to_b) {
    kernels::ssim_backward(test_stream(), s, a.data<float>(), b.data<float>(), slopes.data<float>(),
                           dvalue.data<float>(), to_a, to_b);
  };
  backward(da.data<float>(), nullptr);
  backward(nullptr, db.data<float>());
  CHECK_SAME(da, both.da);
  CHECK_SAME(db, both.db);
}

TEST_CASE("the same bits on any number of threads") {
  const int threads = thread_count();
  const SsimShape s{2, 50, 23, 3};
  const Tensor a = images_of(s, DType::f32, 1), b = images_of(s, DType::f32, 2);
  const Tensor dvalue = random_tensor({2});
  set_thread_count(1);
  const Result one = run<float>(s, 1, a, b, dvalue);
  for (const int more : {2, 3, 8}) {
    set_thread_count(more);
    const Result many = run<float>(s, 1, a, b, dvalue);
    CHECK_SAME(many.value, one.value);
    CHECK_SAME(many.da, one.da);
    CHECK_SAME(many.db, one.db);
  }
  set_thread_count(threads);
}
