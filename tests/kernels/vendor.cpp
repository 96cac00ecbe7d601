// SPDX-License-Identifier: MIT
// The vendors' libraries against the definition and against ours, where a build and a machine have
// them; elsewhere, that they are refused in words.
#include "core/parallel.h"
#include "kernels/backend.h"
#include "kernels/matmul/matmul.h"
#include "kernels/precision.h"
#include "kernels/softmax/softmax.h"
#include "support/compare.h"
#include "support/conv2d.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Backend, kernels::MatmulShape, kernels::Precision;

namespace {

constexpr Conv2dVariant automatic = Conv2dVariant::automatic;

// Whether the case can run; says so where it cannot.
bool there(const std::string& operation) {
  if (kernels::vendor_available(operation, test_device())) return true;
  MESSAGE("[skipped] no vendor's library has ", operation, " on ", test_device().str());
  return false;
}

class WithPrecision {
 public:
  explicit WithPrecision(Precision precision) { kernels::set_precision(precision); }
  ~WithPrecision() { kernels::set_precision(before_); }

 private:
  const Precision before_ = kernels::precision();
};

Conv2dResults convolved(const Conv2dShape& s, const Conv2dInputs& in, Backend by) {
  const Tensor x = on_device(in.x), weight = on_device(in.weight), bias = on_device(in.bias);
  const Tensor dy = on_device(in.dy);
  const Conv2dResults out{empty_on_device(s.output_shape()), empty_on_device(s.input_shape()),
                          on_device(in.dweight.clone()), on_device(in.dbias.clone())};
  const Stream stream = test_stream();
  kernels::conv2d_forward(stream, s, x.data<float>(), weight.data<float>(),
                          {.bias = bias.data<float>()}, out.y.data<float>(), automatic, by);
  kernels::conv2d_input_gradient(stream, s, dy.data<float>(), weight.data<float>(), false,
                                 out.dx.data<float>(), automatic, by);
  kernels::conv2d_weight_gradient(stream, s, x.data<float>(), dy.data<float>(),
                                  out.dweight.data<float>(), out.dbias.data<float>(), automatic,
                                  by);
  return out;
}

// Bit for bit where products are summed as written; cuDNN may take Winograd or a Fourier transform.
void check(const Conv2dShape& s) {
  INFO(description(s, automatic));
  REQUIRE(s.valid());
  const Conv2dInputs in = conv2d_integers(s, DType::f32);
  Conv2dResults got;
  const std::string error = error_of([&] { got = convolved(s, in, Backend::vendor); });
  if (!test_device().is_cpu() && error.find("cuDNN refuses an input") != error.npos) {
    MESSAGE(error);  // which shapes it lacks is its own business, as long as it says so
    return;
  }
  REQUIRE(error == "");
  const Conv2dResults expected = conv2d_reference(s, in);
  if (test_device().is_cpu()) {
    CHECK_SAME(got.y, expected.y);
    CHECK_SAME(got.dx, expected.dx);
    CHECK_SAME(got.dweight, expected.dweight);
    CHECK_SAME(got.dbias, expected.dbias);
  } else {
    CHECK_NORM_CLOSE(got.y, expected.y, 2e-6);
    CHECK_CLOSE(got.dx, expected.dx, (Tolerance{1e-5, 1e-3}));  // a padded image's may be all zero
    CHECK_NORM_CLOSE(got.dweight, expected.dweight, 2e-6);
    CHECK_SAME(got.dbias, expected.dbias);
  }
}

Tensor multiplied(const MatmulShape& s, const Tensor& a, const Tensor& b, const Tensor& bias,
                  const Tensor& start, Backend by) {
  const Tensor left = on_device(a), right = on_device(b);
  if (start.defined()) {
    const Tensor c = on_device(start.clone());
    kernels::matmul_accumulate(test_stream(), s, left.data<float>(), right.data<float>(),
                               c.data<float>(), by);
    return c;
  }
  const Tensor c = empty_on_device({s.m, s.n});
  const Tensor added = bias.defined() ? on_device(bias) : Tensor();
  kernels::matmul<float>(test_stream(), s, left.data<float>(), right.data<float>(),
                         added.defined() ? added.data<float>() : nullptr, c.data<float>(), by);
  return c;
}

// Whole numbers: both are exact.
void check(const MatmulShape& s) {
  INFO(s.m << " x " << s.n << " x " << s.k << ", transposed " << s.transpose_a << s.transpose_b);
  const Tensor a = random_integers({s.m * s.k}, 4, DType::f32, 1);
  const Tensor b = random_integers({s.k * s.n}, 4, DType::f32, 2);
  const Tensor bias = random_integers({s.n}, 9, DType::f32, 3);
  const Tensor start = random_integers({s.m, s.n}, 9, DType::f32, 4), none;
  CHECK_SAME(multiplied(s, a, b, bias, none, Backend::vendor),
             multiplied(s, a, b, bias, none, Backend::native));
  CHECK_SAME(multiplied(s, a, b, none, none, Backend::vendor),
             multiplied(s, a, b, none, none, Backend::native));
  CHECK_SAME(multiplied(s, a, b, none, start, Backend::vendor),
             multiplied(s, a, b, none, start, Backend::native));
}

}  // namespace

TEST_CASE("backends have names, and one is set") {
  for (const Backend known : {Backend::automatic, Backend::native, Backend::vendor}) {
    CHECK(kernels::parse_backend(name_of(known)) == known);
  }
  CHECK(error_of([] { kernels::parse_backend("cudnn"); }) ==
        "backend: expected auto, native or vendor, got 'cudnn'");
  CHECK(kernels::backend() == Backend::automatic);
  kernels::set_backend(Backend::vendor);
  CHECK(kernels::backend() == Backend::vendor);
  kernels::set_backend(Backend::automatic);
}

TEST_CASE("libraries are listed, those that cannot be used with the reason") {
  const auto libraries = kernels::vendor_libraries();
  REQUIRE(libraries.size() == 3);
  for (const auto& library : libraries) {
    INFO(library.name << ": " << library.version << library.trouble);
    CHECK(!library.operations.empty());
    CHECK(library.version.empty() == !library.trouble.empty());
  }
}

TEST_CASE("what the vendor does not have is refused in words") {
  const Conv2dShape s{.n = 1, .h = 3, .w = 3, .c = 2, .k = 2, .r = 1, .s = 1};
  const auto error = [&] {
    return error_of([&] { convolved(s, conv2d_integers(s, DType::f32), Backend::vendor); });
  };
  const auto message = [](Backend backend) {
    return error_of([&] { kernels::check_backend(backend, test_device()); });
  };
  CHECK(message(Backend::native) == "");
  CHECK(message(Backend::automatic) == "");
  if (test_device().type == DeviceType::cuda_sim) {
    CHECK(error() == "conv2d: cuda-sim has no vendor's library");
    CHECK(message(Backend::vendor) == "backend: cuda-sim has no vendor's library");
  } else if (!kernels::vendor_available("conv2d", test_device())) {
    for (const auto& library : kernels::vendor_libraries()) {
      if (library.device != test_device().type || !library.operations.starts_with("conv2d"))
        continue;
      CHECK(error() == "conv2d: " + library.trouble);
      CHECK(message(Backend::vendor).starts_with("backend: " + library.trouble));
    }
  } else {
    CHECK(message(Backend::vendor) == "");
  }
  CHECK(!kernels::vendor_available("layer_norm", test_device()));
}

TEST_CASE("the vendor has no double, and no variants of ours") {
  if (!there("conv2d")) return;
  const Tensor x = Tensor::zeros({2, 3}, DType::f64);
  CHECK(error_of([&] {
          kernels::softmax<double>(test_stream(), 2, 3, x.data<double>(), x.data<double>(),
                                   Backend::vendor);
        }) == "softmax: the vendor's is for f32, got f64");
  const Conv2dShape s{.n = 1, .h = 3, .w = 3, .c = 2, .k = 2, .r = 1, .s = 1};
  const bool cpu = test_device().is_cpu();
  kernels::set_backend(Backend::vendor);
  const std::string error = error_of([&] {
    conv2d_computed<float>(s, conv2d_integers(s, DType::f32),
                           cpu ? Conv2dVariant::direct : Conv2dVariant::naive);
  });
  kernels::set_backend(Backend::automatic);
  CHECK(error == std::string("conv2d: the variant ") + (cpu ? "direct" : "naive") +
                     " is ours; the backend vendor chooses by itself");
}

TEST_CASE("the vendor's conv2d on all sizes, channels, strides and paddings") {
  if (!there("conv2d")) return;
  const WithPrecision exact(Precision::fp32);
  for (const auto [n, h, w] : images) {
    for (const std::int64_t size : {1, 3, 5}) {
      for (const std::int64_t stride : {1, 2}) {
        check({n, h, w, 5, 7, size, size, stride, size / 2});
      }
    }
  }
  for (const auto c : channels) {
    for (const auto k : channels) check({1, 3, 4, c, k, 3, 3, 1, 1});
  }
  for (const std::int64_t stride : {1, 2, 3, 4}) {
    for (const std::int64_t padding : {0, 1, 2}) {
      check({2, 9, 7, 3, 4, 3, 3, stride, padding});
      check({1, 6, 5, 2, 3, 2, 4, stride, padding});
      check({1, 8, 8, 2, 2, 8, 1, stride, padding});
    }
  }
  check({40, 8, 8, 4, 3, 3, 3, 1, 1});
  check({3, 8, 8, 3, 4, 3, 3, 1, 1});  // the same shape again, kept
  check({3, 8, 8, 3, 4, 3, 3, 1, 1});
}

TEST_CASE("the vendor's library keeps to the number of threads, also where it changes") {
  if (!test_device().is_cpu() || !there("conv2d")) return;
  const int before = thread_count();
  for (const int threads : {3, 1, 2, 1, 3}) {
    set_thread_count(threads);
    check({2, 40, 40, 32, 64, 3, 3, 1, 1});
    check(MatmulShape{.m = 300, .n = 70, .k = 150});
  }
  set_thread_count(before);
}

TEST_CASE("the vendor's conv2d beside ours") {
  if (!there("conv2d")) return;
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    if (test_device().is_cpu() && precision != Precision::fp32) continue;
    const WithPrecision set(precision);
    const double tolerance = precision == Precision::fp32 ? 5e-6 : 1e-3;
    for (const Conv2dShape& s : {Conv2dShape{2, 16, 16, 16, 16, 3, 3, 1, 1},
                                 {5, 13, 15, 17, 33, 3, 3, 1, 1},
                                 {1, 64, 40, 100, 17, 3, 3, 1, 1},
                                 {8, 16, 16, 3, 32, 3, 3, 1, 1},
                                 {4, 32, 32, 32, 64, 3, 3, 2, 1},
                                 {2, 20, 24, 64, 12, 5, 5, 1, 2}}) {
      INFO(description(s, automatic) << " in " << name_of(precision));
      const Conv2dInputs in = conv2d_normals(s, DType::f32);
      const Conv2dResults got = convolved(s, in, Backend::vendor);
      const Conv2dResults ours = convolved(s, in, Backend::native);
      CHECK_NORM_CLOSE(got.y, ours.y, tolerance);
      CHECK_NORM_CLOSE(got.dx, ours.dx, tolerance);
      CHECK_NORM_CLOSE(got.dweight, ours.dweight, tolerance);
      CHECK_NORM_CLOSE(got.dbias, ours.dbias, 5e-6);
      // A second time the same bits: no order of summation is left to chance.
      const Conv2dResults again = convolved(s, in, Backend::vendor);
      CHECK_SAME(again.y, got.y);
      CHECK_SAME(again.dx, got.dx);
      CHECK_SAME(again.dweight, got.dweight);
    }
  }
}

TEST_CASE("the vendor's conv2d of nothing, without bias, and for one gradient of two") {
  if (!there("conv2d")) return;
  const WithPrecision exact(Precision::fp32);
  const Conv2dShape empty{.n = 0, .h = 4, .w = 4, .c = 2, .k = 3, .r = 3, .s = 3, .padding = 1};
  const Conv2dInputs nothing = conv2d_integers(empty, DType::f32);
  CHECK_SAME(convolved(empty, nothing, Backend::vendor).dweight, nothing.dweight);
  Conv2dShape s = empty;
  s.n = 2;
  Conv2dInputs in = conv2d_integers(s, DType::f32);
  const Conv2dResults expected = conv2d_reference(s, in);
  const Tensor x = on_device(in.x), dy = on_device(in.dy), weight = on_device(in.weight);
  const Tensor dweight = on_device(in.dweight.clone()), dbias = on_device(in.dbias.clone());
  const Tensor y = empty_on_device(s.output_shape());
  kernels::conv2d_forward<float>(test_stream(), s, x.data<float>(), weight.data<float>(), {},
                                 y.data<float>(), automatic, Backend::vendor);
  kernels::conv2d_weight_gradient<float>(test_stream(), s, x.data<float>(), dy.data<float>(),
                                         dweight.data<float>(), nullptr, automatic,
                                         Backend::vendor);
  CHECK_SAME(dbias, in.dbias);
  kernels::conv2d_weight_gradient<float>(test_stream(), s, x.data<float>(), dy.data<float>(),
                                         nullptr, dbias.data<float>(), automatic, Backend::vendor);
  in.bias = Tensor::zeros({s.k});
  CHECK_NORM_CLOSE(y, conv2d_reference(s, in).y, 2e-6);
  CHECK_NORM_CLOSE(dweight, expected.dweight, 2e-6);
  CHECK_SAME(dbias, expected.dbias);
}

TEST_CASE("the vendor's matmul is ours on whole numbers") {
  if (!there("matmul")) return;
  const WithPrecision exact(Precision::fp32);
  for (const bool transpose_a : {false, true}) {
    for (const bool transpose_b : {false, true}) {
      for (const auto n : channels) {
        for (const std::int64_t m : {1, 2, 3, 5, 8, 17, 65}) {
          check({.m = m, .n = n, .k = 11, .transpose_a = transpose_a, .transpose_b = transpose_b});
        }
        check({.m = 6, .n = n, .k = 1, .transpose_a = transpose_a, .transpose_b = transpose_b});
        check({.m = 9, .n = n, .k = 600, .transpose_a = transpose_a, .transpose_b = transpose_b});
      }
    }
  }
  check(MatmulShape{.m = 2, .n = 3, .k = 0});
  check(MatmulShape{.m = 130, .n = 257, .k = 64, .transpose_b = true});
}

TEST_CASE("the vendor's matmul of matrices that are not aligned") {
  if (!there("matmul")) return;
  const WithPrecision exact(Precision::fp32);
  const MatmulShape s{.m = 9, .n = 8, .k = 12};
  const Tensor a = on_device(random_integers({s.m * s.k + 1}));
  const Tensor b = on_device(random_integers({s.k * s.n + 3}));
  const Tensor got = empty_on_device({s.m, s.n}), ours = empty_on_device({s.m, s.n});
  for (const auto& [by, c] : {std::pair{Backend::vendor, got}, {Backend::native, ours}}) {
    kernels::matmul<float>(test_stream(), s, a.data<float>() + 1, b.data<float>() + 3, nullptr,
                           c.data<float>(), by);
  }
  CHECK_SAME(got, ours);
}

TEST_CASE("the vendor's matmul in tf32 is close to ours") {
  if (test_device().is_cpu() || !there("matmul")) return;
  const WithPrecision fast(Precision::tf32);
  const MatmulShape s{.m = 200, .n = 96, .k = 300};
  const Tensor a = random_tensor({s.m, s.k}), b = random_tensor({s.k, s.n}, DType::f32, 2), none;
  CHECK_NORM_CLOSE(multiplied(s, a, b, none, none, Backend::vendor),
                   multiplied(s, a, b, none, none, Backend::native), 1e-3);
}

TEST_CASE("the vendor's softmax beside ours, in place too") {
  if (!there("softmax")) return;
  for (const std::int64_t rows : {1, 3, 50}) {
    for (const auto n : lengths) {
      if (rows * n > 200000) continue;
      INFO(rows << " rows of " << n);
      const Tensor x = on_device(random_tensor({rows, n})), y = x.clone(), ours = x.clone();
      const Tensor dx = on_device(random_tensor({rows, n}, DType::f32, 2)), our_dx = dx.clone();
      const Stream stream = test_stream();
      kernels::softmax(stream, rows, n, y.data<float>(), y.data<float>(), Backend::vendor);
      kernels::softmax(stream, rows, n, ours.data<float>(), ours.data<float>(), Backend::native);
      CHECK_CLOSE(y, ours, (Tolerance{rounding(DType::f32, 4).rtol, 1e-30}));
      kernels::softmax_backward(stream, rows, n, ours.data<float>(), dx.data<float>(),
                                dx.data<float>(), Backend::vendor);
      kernels::softmax_backward(stream, rows, n, ours.data<float>(), our_dx.data<float>(),
                                our_dx.data<float>(), Backend::native);
      CHECK_CLOSE(dx, our_dx, rounding(DType::f32, 4));
    }
  }
}
