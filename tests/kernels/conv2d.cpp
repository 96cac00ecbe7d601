// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d.h"

#include "core/parallel.h"
#include "kernels/precision.h"
#include "support/compare.h"
#include "support/conv2d.h"
#include "support/device.h"
#include "support/sizes.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Precision;

namespace {

// Those whose results are whole numbers where the factors are small ones.
std::vector<Conv2dVariant> exact_variants() {
  if (test_device().is_cpu()) return {Conv2dVariant::direct};
  return {Conv2dVariant::naive, Conv2dVariant::tiled, Conv2dVariant::implicit_gemm};
}

template <class T>
void check(const Conv2dShape& s) {
  for (const Conv2dVariant variant : exact_variants()) check_conv2d<T>(s, variant);
}

}  // namespace

TEST_CASE_TEMPLATE("conv2d on images of all sizes", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const auto [n, h, w] : images) {
    for (const std::int64_t size : {1, 3, 5}) {
      for (const std::int64_t stride : {1, 2}) {
        Conv2dShape s{.n = n, .h = h, .w = w, .c = 5, .k = 7, .r = size, .s = size};
        s.stride = stride;
        s.padding = size / 2;
        check<T>(s);
      }
    }
  }
}

TEST_CASE_TEMPLATE("conv2d on all numbers of channels", T, float, double, bfloat16) {
  if (!runs_here<T>()) return;
  for (const auto c : channels) {
    for (const auto k : channels) {
      check<T>({.n = 1, .h = 3, .w = 4, .c = c, .k = k, .r = 3, .s = 3, .padding = 1});
    }
  }
}

TEST_CASE_TEMPLATE("conv2d with unusual strides, paddings and kernels", T, float, double,
                   bfloat16) {
  if (!runs_here<T>()) return;
  for (const std::int64_t stride : {1, 2, 3, 4}) {
    for (const std::int64_t padding : {0, 1, 2, 4}) {
      check<T>({2, 9, 7, 3, 4, 3, 3, stride, padding});
      check<T>({1, 5, 9, 4, 3, 1, 1, stride, padding});  // more padding and stride than kernel
      check<T>({1, 6, 5, 2, 3, 2, 4, stride, padding});  // neither odd nor square
      check<T>({1, 8, 8, 2, 2, 8, 1, stride, padding});
    }
  }
  check<T>({2, 1, 1, 3, 4, 3, 3, 1, 1});
  check<T>({1, 7, 8, 3, 21, 3, 4, 2, 1});  // few channels, whose gradient sums over many
  check<T>({1, 7, 8, 3, 21, 1, 4, 2, 1});  // and where no tap reaches a row
}

TEST_CASE("conv2d in several blocks and chunks") {
  check<float>({1, 41, 67, 3, 5, 3, 3, 1, 1});   // several blocks of rows
  check<float>({40, 8, 8, 4, 3, 3, 3, 1, 1});    // several blocks of images
  check<float>({70, 1, 1, 9, 5, 1, 1, 1, 0});    // several images in a tile
  check<float>({1, 3, 1500, 2, 2, 3, 3, 2, 1});  // a row longer than a block
}

// Whose pixels have products of their own on the CPU, if there are enough images.
TEST_CASE("conv2d of many channels on images of a few pixels") {
  check<float>({130, 2, 2, 5, 40, 3, 3, 1, 1});  // several blocks of images
  check<float>({3, 3, 2, 4, 33, 3, 2, 1, 1});
  check<float>({17, 3, 2, 4, 33, 3, 2, 1, 1});
  check<float>({40, 7, 8, 3, 20, 3, 3, 2, 1});
  check<float>({16, 1, 1, 9, 20, 5, 3, 1, 2});
  check<float>({18, 2, 2, 3, 5, 3, 3, 1, 4});  // pixels that see nothing
  check<float>({2, 6, 5, 3, 48, 3, 3, 2, 1});
  check<float>({2, 3, 3, 2, 32, 5, 5, 1, 1});
  if (test_device().is_cpu()) check<float>({2, 5, 3, 3000, 32, 3, 3, 1, 1});  // blocks of some rows
}

// Sums, pixels and channels around the tiles of implicit_gemm and tiled, and their largest tiles.
TEST_CASE_TEMPLATE("conv2d around the tiles of the kernels on devices", T, float, bfloat16) {
  if (test_device().is_cpu()) return;
  for (const std::int64_t n : {63, 64, 65, 127, 128, 129}) {
    check<T>({n, 1, 1, 4, 4, 1, 1, 1, 0});
    check<T>({1, 1, n, 3, 2, 3, 3, 1, 1});
  }
  for (const std::int64_t k : {31, 32, 33, 63, 64, 65}) {
    check<T>({1, 9, 17, 5, k, 1, 1, 1, 0});
    check<T>({1, 7, 15, 4, k, 3, 3, 2, 1});
    check<T>({1, 8, 16, 8, k + k % 2 * 3, 1, 1, 1, 0});
  }
}

TEST_CASE("conv2d with the largest tiles of the kernels on devices") {
  if (test_device().is_cpu()) return;
  check<float>({1, 20, 20, 5, 2, 7, 5, 1, 3});  // more taps than a block of tiled has threads for
  check<float>({1, 12, 33, 64, 64, 3, 3, 1, 1});
  // Enough pixels for the largest tile.
  const Conv2dShape s{.n = 1, .h = 57, .w = 120, .c = 4, .k = 320, .r = 1, .s = 1};
  const Conv2dInputs in = conv2d_integers(s, DType::f32);
  const Tensor x = on_device(in.x), weight = on_device(in.weight), bias = on_device(in.bias);
  const Tensor y = empty_on_device(s.output_shape());
  kernels::conv2d_forward<float>(test_stream(), s, x.data<float>(), weight.data<float>(),
                                 {.bias = bias.data<float>()}, y.data<float>(),
                                 Conv2dVariant::implicit_gemm);
  CHECK_SAME(y, conv2d_reference(s, in).y);
}

// So many channels that there are fewer pieces of the sum than tiles, and pieces of several chunks.
TEST_CASE("the weight gradient of a few long pieces") {
  if (test_device().is_cpu()) return;
  const Conv2dShape s{.n = 40, .h = 1, .w = 1, .c = 3, .k = 1024, .r = 1, .s = 1};
  const Conv2dShape wide{.n = 1, .h = 37, .w = 12, .c = 4, .k = 36, .r = 3, .s = 3, .padding = 1};
  for (const Conv2dShape& shape : {s, wide}) {
    const Conv2dInputs in = conv2d_integers(shape, DType::f32);
    const Tensor x = on_device(in.x), dy = on_device(in.dy);
    const Conv2dResults expected = conv2d_reference(shape, in);
    for (const Conv2dVariant variant : exact_variants()) {
      INFO(description(shape, variant));
      const Tensor dweight = on_device(in.dweight.clone()), dbias = on_device(in.dbias.clone());
      kernels::conv2d_weight_gradient<float>(test_stream(), shape, x.data<float>(),
                                             dy.data<float>(), dweight.data<float>(),
                                             dbias.data<float>(), variant);
      CHECK_SAME(dweight, expected.dweight);
      CHECK_SAME(dbias, expected.dbias);
    }
  }
}

TEST_CASE("the automatic conv2d is exact for whole numbers on devices") {
  if (test_device().is_cpu()) return;
  const Conv2dShape shapes[] = {{1, 9, 17, 3, 5, 1, 1, 1, 0},
                                {1, 9, 17, 3, 5, 3, 3, 1, 1},
                                {2, 9, 17, 32, 3, 5, 5, 1, 2},
                                {2, 4, 6, 16, 32, 3, 3, 2, 1}};
  for (const Conv2dShape& s : shapes) {
    for (const Precision precision : {Precision::fp32, Precision::tf32}) {
      kernels::set_precision(precision);
      check_conv2d<float>(s, Conv2dVariant::automatic);
    }
    check_conv2d<bfloat16>(s, Conv2dVariant::automatic);
  }
}

TEST_CASE("a kernel too large for a tile is refused in words") {
  if (test_device().is_cpu()) return;
  const Conv2dShape s{.n = 1, .h = 40, .w = 40, .c = 1, .k = 1, .r = 31, .s = 31};
  CHECK(error_of([&] {
          conv2d_computed<float>(s, conv2d_integers(s, DType::f32), Conv2dVariant::tiled);
        }) ==
        "conv2d: the variant tiled keeps a tile in 49152 bytes of shared memory; a kernel of 31 x "
        "31 with a stride of 1 asks for 145392");
}

// Winograd's constants are no whole numbers, so it cannot be exact; nor can tensor cores.
TEST_CASE("the automatic conv2d is close to the exact one") {
  const Conv2dShape shapes[] = {
      {2, 16, 16, 16, 16, 3, 3, 1, 1},  // whole tiles
      {5, 13, 15, 17, 33, 3, 3, 1, 1},  // tiles and vectors that are not full
      {3, 18, 26, 32, 19, 3, 3, 1, 0},  // no padding
      {1, 25, 22, 48, 16, 3, 3, 1, 2},  // more padding than half the kernel
      {33, 4, 4, 16, 64, 3, 3, 1, 1},   // one tile an image
      {1, 4, 300, 20, 40, 3, 3, 1, 1},  // several batches of tiles in a row
      {1, 64, 40, 100, 17, 3, 3, 1, 1},
      {2, 7, 16, 3, 32, 3, 3, 1, 1},   // few channels: whole tiles of a row
      {3, 9, 13, 5, 41, 3, 3, 1, 0},   // tiles and vectors that are not full
      {1, 6, 11, 15, 7, 3, 3, 1, 2},   // more padding than half the kernel
      {1, 3, 300, 2, 20, 3, 3, 1, 1},  // several strips of a row
      {3, 2, 9, 2, 16, 3, 3, 1, 1},    // images of fewer rows than a kernel
  };
  const bool cpu = test_device().is_cpu();
  for (const Precision precision : {Precision::fp32, Precision::tf32}) {
    kernels::set_precision(precision);
    // tf32 rounds both factors to 11 bits; and the test would miss it if it did not.
    const bool rounds = precision == Precision::tf32 && !cpu;
    const double tolerance = rounds ? 5e-4 : 2e-6;
    for (const Conv2dShape& s : shapes) {
      if (!cpu && s.flop() > 10'000'000) continue;
      INFO(name_of(precision) << ", " << description(s, Conv2dVariant::automatic));
      const Conv2dInputs in = conv2d_normals(s, DType::f32);
      const Conv2dResults got = conv2d_computed<float>(s, in, Conv2dVariant::automatic);
      const Conv2dResults expected = conv2d_reference(s, in);
      CHECK_NORM_CLOSE(got.y, expected.y, tolerance);
      CHECK_NORM_CLOSE(got.dx, expected.dx, tolerance);
      CHECK_NORM_CLOSE(got.dweight, expected.dweight, tolerance);
      CHECK_NORM_CLOSE(got.dbias, expected.dbias, 2e-6);
      CHECK(norm_difference(got.y, expected.y, 1e-5).empty() != rounds);
    }
  }
  kernels::set_precision(Precision::tf32);
}

TEST_CASE("results that are written past the caches") {
  if (!test_device().is_cpu()) return;
  const Conv2dShape shapes[] = {{1, 257, 256, 1, 32, 3, 3, 1, 1},   // along rows
                                {1, 129, 256, 16, 64, 3, 3, 1, 1},  // Winograd's tiles
                                {1, 257, 256, 2, 32, 1, 1, 1, 0}};
  for (const Conv2dShape& s : shapes) {
    INFO(description(s, Conv2dVariant::automatic));
    const Conv2dInputs in = conv2d_normals(s, DType::f32);
    const Tensor residual = random_tensor(s.output_shape(), DType::f32, 7);
    const Tensor y = Tensor::empty(s.output_shape());
    kernels::conv2d_forward<float>(
        Stream(), s, in.x.data<float>(), in.weight.data<float>(),
        {.bias = in.bias.data<float>(), .residual = residual.data<float>()}, y.data<float>());
    const Tensor expected = conv2d_reference(s, in).y;
    for (std::int64_t i = 0; i < y.numel(); ++i) {
      expected.data<double>()[i] += static_cast<double>(residual.data<float>()[i]);
    }
    CHECK_NORM_CLOSE(y, expected, 2e-6);
  }
}

TEST_CASE("winograd where it would not be chosen") {
  if (!test_device().is_cpu()) return;
  const Conv2dShape shapes[] = {{1, 1, 1, 1, 1, 3, 3, 1, 1},
                                {2, 5, 3, 3, 5, 3, 3, 1, 1},
                                {1, 7, 9, 17, 2, 3, 3, 1, 0},
                                {1, 3, 3, 2, 40, 3, 3, 1, 4}};
  for (const Conv2dShape& s : shapes) {
    INFO(description(s, Conv2dVariant::winograd));
    const Conv2dInputs in = conv2d_normals(s, DType::f32);
    const Conv2dResults got = conv2d_computed<float>(s, in, Conv2dVariant::winograd);
    const Conv2dResults expected = conv2d_reference(s, in);
    CHECK_NORM_CLOSE(got.y, expected.y, 5e-6);
    CHECK_NORM_CLOSE(got.dx, expected.dx, 5e-6);
    CHECK_NORM_CLOSE(got.dweight, expected.dweight, 5e-6);
  }
}

TEST_CASE("a variant that is not to be had is refused in words") {
  const Conv2dShape s{.n = 1, .h = 5, .w = 5, .c = 2, .k = 3, .r = 3, .s = 3, .stride = 2};
  const auto error = [&](Conv2dVariant variant) {
    return error_of([&] { conv2d_computed<float>(s, conv2d_integers(s, DType::f32), variant); });
  };
  if (test_device().is_cpu()) {
    CHECK(error(Conv2dVariant::naive) ==
          "conv2d: cpu has the variants direct, winograd, asked for naive");
    CHECK(error(Conv2dVariant::winograd) ==
          "conv2d: the variant winograd is for f32, kernels of 3 x 3 and a stride of 1, asked for "
          "f32, 3 x 3 and 2");
  } else {
    CHECK(error(Conv2dVariant::winograd) ==
          "conv2d: " + test_device().str() +
              " has the variants naive, tiled, implicit_gemm, tensor_core, asked for winograd");
    kernels::set_precision(Precision::fp32);
    CHECK(error(Conv2dVariant::tensor_core) ==
          "conv2d: the variant tensor_core rounds factors to tf32, which the precision fp32 does "
          "not allow");
    kernels::set_precision(Precision::tf32);
  }
  CHECK(error_of([] { kernels::parse_conv2d_variant("fast"); }) ==
        "conv2d variant: expected one of automatic, direct, winograd, naive, tiled, implicit_gemm, "
        "tensor_core, got 'fast'");
  for (const auto& known : kernels::conv2d_variants()) {
    CHECK(kernels::parse_conv2d_variant(known.name) == known.variant);
    CHECK(kernels::name_of(known.variant) == known.name);
  }
}

TEST_CASE("conv2d of an empty batch") {
  const Conv2dShape s{.n = 0, .h = 4, .w = 4, .c = 2, .k = 3, .r = 3, .s = 3, .padding = 1};
  const Conv2dInputs in = conv2d_integers(s, DType::f32);
  for (const Conv2dVariant variant : exact_variants()) {
    const Conv2dResults got = conv2d_computed<float>(s, in, variant);
    CHECK_SAME(got.dweight, in.dweight);
    CHECK_SAME(got.dbias, in.dbias);
  }
}

TEST_CASE("either gradient of the parameters can be had alone, and the bias left out") {
  const Conv2dShape s{.n = 2, .h = 5, .w = 4, .c = 2, .k = 3, .r = 3, .s = 3, .padding = 1};
  Conv2dInputs in = conv2d_integers(s, DType::f32);
  const Conv2dResults expected = conv2d_reference(s, in);
  in.bias = Tensor::zeros({s.k});
  const Tensor without_bias = conv2d_reference(s, in).y;
  const Tensor x = on_device(in.x), dy = on_device(in.dy), weight = on_device(in.weight);
  for (const Conv2dVariant variant : exact_variants()) {
    INFO(kernels::name_of(variant));
    const Tensor dweight = on_device(in.dweight.clone()), dbias = on_device(in.dbias.clone());
    const Tensor y = empty_on_device(s.output_shape());
    kernels::conv2d_forward<float>(test_stream(), s, x.data<float>(), weight.data<float>(), {},
                                   y.data<float>(), variant);
    kernels::conv2d_weight_gradient<float>(test_stream(), s, x.data<float>(), dy.data<float>(),
                                           dweight.data<float>(), nullptr, variant);
    CHECK_SAME(dbias, in.dbias);
    kernels::conv2d_weight_gradient<float>(test_stream(), s, x.data<float>(), dy.data<float>(),
                                           nullptr, dbias.data<float>(), variant);
    CHECK_SAME(y, without_bias);
    CHECK_SAME(dweight, expected.dweight);
    CHECK_SAME(dbias, expected.dbias);
  }
}

TEST_CASE("conv2d has the same bits on any number of threads") {
  if (!test_device().is_cpu()) return;
  const Conv2dShape shapes[] = {
      {3, 33, 31, 16, 20, 3, 3, 1, 1},
      {1, 8, 9, 50, 83, 3, 3, 1, 1},  // so small that threads share the output channels
      {1, 9, 8, 3, 40, 5, 5, 1, 2},
      {2, 23, 30, 3, 40, 3, 3, 1, 1},
      {40, 2, 2, 20, 72, 3, 3, 1, 1}};
  const int threads = thread_count();
  for (const Conv2dShape& s : shapes) {
    const Conv2dInputs in = conv2d_normals(s, DType::f32);
    for (const auto variant : {Conv2dVariant::direct, Conv2dVariant::automatic}) {
      INFO(description(s, variant));
      Conv2dResults first;
      for (const int t : {1, 2, 3, 7}) {
        set_thread_count(t);
        const Conv2dResults out = conv2d_computed<float>(s, in, variant);
        if (!first.y.defined()) first = out;
        CHECK_SAME(out.y, first.y);
        CHECK_SAME(out.dx, first.dx);
        CHECK_SAME(out.dweight, first.dweight);
        CHECK_SAME(out.dbias, first.dbias);
      }
    }
  }
  set_thread_count(threads);
}
