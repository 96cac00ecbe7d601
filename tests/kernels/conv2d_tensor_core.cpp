// SPDX-License-Identifier: MIT
#include "kernels/conv2d/conv2d_tensor_core.h"

#include <cmath>

#include "kernels/conv2d/conv2d_tensor_core_layout.h"
#include "support/compare.h"
#include "support/conv2d.h"
#include "support/device.h"

using namespace telescope;
using namespace telescope::test;
using kernels::Epilogue;
using kernels::TensorCoreTile;

namespace {

enum class Which { all, images, parameters };

template <class T>
Conv2dResults computed(const Conv2dShape& s, const Conv2dInputs& in, TensorCoreTile tile,
                       Which which = Which::all) {
  const Tensor x = on_device(in.x), weight = on_device(in.weight), bias = on_device(in.bias);
  const Tensor dy = on_device(in.dy);
  const Conv2dResults out{empty_on_device(s.output_shape(), dtype_of<T>),
                          empty_on_device(s.input_shape(), dtype_of<T>),
                          on_device(in.dweight.clone()), on_device(in.dbias.clone())};
  const Stream stream = test_stream();
  if (which != Which::parameters) {
    kernels::conv2d_tensor_core_forward<T>(stream, s, x.data<T>(), weight.data<Wide<T>>(),
                                           bias.data<Wide<T>>(), out.y.data<T>(), {}, tile);
    kernels::conv2d_tensor_core_input_gradient<T>(stream, s, dy.data<T>(), weight.data<Wide<T>>(),
                                                  out.dx.data<T>(), tile);
  }
  if (which != Which::images) {
    kernels::conv2d_tensor_core_weight_gradient<T>(stream, s, x.data<T>(), dy.data<T>(),
                                                   out.dweight.data<Wide<T>>(),
                                                   out.dbias.data<Wide<T>>(), tile);
  }
  return out;
}

template <class T>
void check(const Conv2dShape& s, TensorCoreTile tile = TensorCoreTile::automatic,
           Which which = Which::all) {
  INFO("input " << s.input_shape().str() << ", weight " << s.weight_shape().str() << ", stride "
                << s.stride << ", padding " << s.padding << ", tile " << static_cast<int>(tile));
  REQUIRE(s.valid());
  const Conv2dInputs in = conv2d_integers(s, dtype_of<T>);
  const Conv2dResults got = computed<T>(s, in, tile, which);
  const Conv2dResults expected = conv2d_reference(s, in);
  if (which != Which::parameters) {
    check_same_stored(got.y, expected.y);
    check_same_stored(got.dx, expected.dx);
  }
  if (which != Which::images) {
    check_same_stored(got.dweight, expected.dweight);
    check_same_stored(got.dbias, expected.dbias);
  }
}

bool has_tensor_cores() {
  if (!test_device().is_cpu()) return true;
  MESSAGE("[skipped] no tensor cores on cpu");
  return false;
}

// The banks, four bytes wide, that `bytes` bytes at an address take: a bit each.
std::uint32_t banks(int address, int bytes) {
  std::uint32_t set = 0;
  for (int b = address / 4; b < (address + bytes) / 4; ++b) set |= 1u << b % 32;
  return set;
}

// Whether lanes [first, first + count), with `bytes` bytes each, take every bank at most once.
template <class Address>
bool free_of_conflicts(const Address& address, int first, int count, int bytes) {
  std::uint32_t taken = 0;
  for (int lane = first; lane < first + count; ++lane) {
    const std::uint32_t wanted = banks(address(lane), bytes);
    if (taken & wanted) return false;
    taken |= wanted;
  }
  return true;
}

}  // namespace

// Shared memory serves 128 bytes at a time: eight lanes of 16 bytes, sixteen of 8, a warp of 4.
TEST_CASE("no two lanes meet in a bank of shared memory") {
  namespace layout = kernels::tensor_core;
  for (int first = 0; first < 32; first += 8) {
    INFO("lanes from " << first);
    const auto conflict_free = [&](const auto& address) {
      return free_of_conflicts(address, first, 8, 16);
    };
    for (int step = 0; step < layout::steps; ++step) {
      const int by = step * layout::step_bytes;
      CHECK(conflict_free([&](int lane) { return layout::a_rows(lane) ^ by; }));
      CHECK(conflict_free([&](int lane) { return layout::b_rows(lane) ^ by; }));
      for (int lane = 0; lane < 32; ++lane) {  // the same as the swizzle of the chunk itself
        CHECK((layout::a_rows(lane) ^ by) == layout::swizzled(lane % 16, lane / 16 + 2 * step));
      }
    }
    CHECK(conflict_free([](int lane) { return layout::swizzled(lane / 8, lane % 8); }));  // copies
    CHECK(conflict_free([](int lane) { return layout::halo_chunk(lane / 8, lane % 8); }));
    for (int tap = 0; tap < 8; ++tap) {  // eight neighbours, wherever the tap puts them
      CHECK(conflict_free([&](int lane) { return layout::halo_chunk(lane % 8 + tap, tap); }));
    }
    // One channel of a pixel for each lane, or eight bf16 of eight pixels: see TapOperands.
    const int f32_pitch = layout::padded(32) * 4, bf16_pitch = layout::padded(32) * 2;
    CHECK(conflict_free([&](int lane) { return lane % 8 * bf16_pitch; }));
    CHECK(
        free_of_conflicts([&](int lane) { return lane % 4 * f32_pitch + lane / 4 * 4; }, 0, 32, 4));
    for (const int width : {32, 64, 128}) {
      INFO("tile of " << width);
      CHECK(conflict_free([&](int lane) { return layout::column_quad(lane, width); }));
      CHECK(conflict_free([&](int lane) { return layout::a_columns(lane, width); }));
      CHECK(conflict_free([&](int lane) { return layout::b_columns(lane, width); }));
    }
  }
  for (const int width : {32, 64, 128}) {  // outputs on their way out: pairs of f32, of bf16
    const auto pair = [&](int lane) { return lane / 4 * layout::padded(width) + lane % 4 * 2; };
    for (const int first : {0, 16}) {
      CHECK(free_of_conflicts([&](int lane) { return pair(lane) * 4; }, first, 16, 8));
    }
    CHECK(free_of_conflicts([&](int lane) { return pair(lane) * 2; }, 0, 32, 4));
  }
  // The count itself: rows of 128 bytes that are not swizzled all meet.
  CHECK(!free_of_conflicts([](int lane) { return lane * 128; }, 0, 8, 16));
}

TEST_CASE_TEMPLATE("tensor-core conv2d: kernels, strides and borders", T, float, bfloat16) {
  if (!has_tensor_cores()) return;
  for (const std::int64_t size : {1, 3, 5}) {
    for (const std::int64_t stride : {1, 2}) {
      check<T>({2, 7, 9, 8, 16, size, size, stride, size / 2});
      check<T>({1, 5, 6, 3, 5, size, size, stride, size / 2});
    }
  }
  check<T>({1, 1, 1, 8, 8, 3, 3, 1, 1});
  check<T>({2, 9, 7, 8, 8, 3, 3, 3, 4});  // more padding and stride than kernel
  check<T>({1, 6, 5, 8, 8, 1, 1, 3, 2});  // pixels of dx that nothing reads
  check<T>({1, 6, 5, 8, 8, 2, 4, 1, 1});  // neither odd nor square
  check<T>({1, 8, 5, 8, 8, 7, 1, 2, 0});
}

TEST_CASE("tensor-core conv2d: a variant as any other") {
  if (!has_tensor_cores()) return;
  check_conv2d<float>({1, 4, 5, 8, 12, 3, 3, 1, 1}, Conv2dVariant::tensor_core);
}

TEST_CASE_TEMPLATE("tensor-core conv2d: numbers of channels", T, float, bfloat16) {
  if (!has_tensor_cores()) return;
  // Odd, less than 16 bytes, more than a slice, not a multiple of a tile: of c, of k and of both.
  const std::pair<std::int64_t, std::int64_t> numbers[] = {
      {1, 3}, {3, 33}, {17, 24}, {40, 3}, {40, 24}};
  for (const auto& [c, k] : numbers) check<T>({1, 3, 4, c, k, 3, 3, 1, 1});
  check<T>({1, 2, 3, 100, 12, 1, 1, 1, 0});
  check<T>({1, 2, 3, 128, 64, 1, 3, 1, 1});  // taps before channels, in both directions
}

TEST_CASE_TEMPLATE("tensor-core conv2d: tiles and what breaks them", T, float, bfloat16) {
  if (!has_tensor_cores()) return;
  using enum TensorCoreTile;
  const Conv2dShape more{1, 9, 15, 8, 136, 1, 1, 1, 0};   // than a tile each way
  const Conv2dShape several{3, 6, 7, 8, 24, 3, 3, 1, 1};  // images in a tile
  for (const auto tile : {m128n128, m128n64, m128n32, m64n64}) {
    check<T>(more, tile, Which::images);
    check<T>(several, tile, Which::images);
  }
  for (const auto tile : {m128n128, m64n128, m32n128}) {
    check<T>(more, tile, Which::parameters);
    check<T>(several, tile, Which::parameters);
  }
  check<T>({1, 1, 127, 40, 64, 1, 3, 1, 0}, m128n128);  // a row short of one
}

TEST_CASE_TEMPLATE("tensor-core conv2d: tiles with halo", T, float, bfloat16) {
  if (!has_tensor_cores()) return;
  using enum TensorCoreTile;
  const std::int64_t c = kernels::tensor_core::slice_elements<T>;
  const auto check_images = [](const Conv2dShape& s, TensorCoreTile tile) {
    check<T>(s, tile, Which::images);
  };
  check_images({1, 8, 16, 2 * c, c, 3, 3, 1, 1}, halo_n128);  // halos in turn, and one only
  check_images({1, 7, 15, c, c, 3, 3, 1, 1}, halo_n64);       // outputs there are not
  check_images({1, 9, 17, c, 8, 3, 3, 1, 0}, halo_n32);       // no padding: nor a halo in dx
  check_images({3, 8, 8, c, c, 3, 3, 1, 2}, halo_n32);        // a tile of two images, one of one
  check_images({1, 8, 16, 3 * c, 8, 2, 2, 1, 0}, halo_n32);   // fewer taps than a halo has parts
  check_images({1, 4, 31, c, c, 3, 1, 1, 0}, halo_n32);
  check_images({1, 3, 64, c, 2 * c, 1, 3, 1, 0}, halo_n64);
  check_images({1, 16, 16, c, c, 3, 3, 1, 1}, automatic);
}

TEST_CASE_TEMPLATE("tensor-core conv2d: gradients of weights from tiles with halo", T, float,
                   bfloat16) {
  if (!has_tensor_cores()) return;
  using enum TensorCoreTile;
  const auto check_parameters = [](const Conv2dShape& s, TensorCoreTile tile) {
    check<T>(s, tile, Which::parameters);
  };
  for (const auto tile : {halo_n64, halo_n32}) {
    check_parameters({1, 4, 16, 40, 72, 3, 3, 1, 1}, tile);  // channels and a bit, both ways
    check_parameters({2, 8, 8, 8, 8, 3, 3, 1, 1}, tile);     // square tiles
    check_parameters({1, 6, 17, 8, 8, 3, 3, 1, 0}, tile);    // no padding
  }
  check_parameters({5, 11, 15, 8, 8, 3, 3, 1, 1}, automatic);   // outputs there are not
  check_parameters({2, 16, 15, 40, 8, 3, 3, 1, 2}, automatic);  // the bias in turns, some splits
}

TEST_CASE_TEMPLATE("tensor-core conv2d: sums split over many blocks", T, float, bfloat16) {
  if (!has_tensor_cores()) return;
  // More slices than fit one split: ones, so that dweight is a count that bf16 can hold.
  const Conv2dShape s{.n = 3, .h = 33, .w = 31, .c = 8, .k = 8, .r = 1, .s = 1};
  check<T>(s);
}

TEST_CASE_TEMPLATE("tensor-core conv2d: either gradient alone, on both kinds of load", T, float,
                   bfloat16) {
  if (!has_tensor_cores()) return;
  for (const std::int64_t k : {8, 5}) {
    const Conv2dShape s{.n = 1, .h = 5, .w = 4, .c = 8, .k = k, .r = 3, .s = 3, .padding = 1};
    const Conv2dInputs in = conv2d_integers(s, dtype_of<T>);
    const Conv2dResults expected = conv2d_reference(s, in);
    const Tensor x = on_device(in.x), dy = on_device(in.dy);
    const Tensor dweight = on_device(in.dweight.clone()), dbias = on_device(in.dbias.clone());
    kernels::conv2d_tensor_core_weight_gradient<T>(test_stream(), s, x.data<T>(), dy.data<T>(),
                                                   dweight.data<Wide<T>>(), nullptr);
    check_same_stored(dweight, expected.dweight);
    check_same_stored(dbias, in.dbias.to(DType::f64));
    kernels::conv2d_tensor_core_weight_gradient<T>(test_stream(), s, x.data<T>(), dy.data<T>(),
                                                   nullptr, dbias.data<Wide<T>>());
    check_same_stored(dbias, expected.dbias);
    check_same_stored(dweight, expected.dweight);
  }
}

TEST_CASE_TEMPLATE("tensor-core conv2d: arrays that are not aligned to 16 bytes", T, float,
                   bfloat16) {
  if (!has_tensor_cores()) return;
  const Conv2dShape s{.n = 1, .h = 4, .w = 5, .c = 8, .k = 8, .r = 3, .s = 3, .padding = 1};
  const Conv2dInputs in = conv2d_integers(s, dtype_of<T>);
  const Conv2dResults expected = conv2d_reference(s, in);
  const auto shifted = [](const Tensor& x) {
    const Tensor from = Tensor::zeros({x.numel() + 1}, x.dtype());
    from.rows(1, x.numel()).copy_from(x.reshape({x.numel()}));
    return on_device(from);
  };
  const Tensor x = shifted(in.x), weight = shifted(in.weight), dy = shifted(in.dy);
  const Tensor y = shifted(in.dy), dx = shifted(in.x), dweight = shifted(in.dweight);
  const Stream stream = test_stream();
  kernels::conv2d_tensor_core_forward<T>(stream, s, x.data<T>() + 1, weight.data<Wide<T>>() + 1,
                                         nullptr, y.data<T>() + 1);
  kernels::conv2d_tensor_core_input_gradient<T>(stream, s, dy.data<T>() + 1,
                                                weight.data<Wide<T>>() + 1, dx.data<T>() + 1);
  kernels::conv2d_tensor_core_weight_gradient<T>(stream, s, x.data<T>() + 1, dy.data<T>() + 1,
                                                 dweight.data<Wide<T>>() + 1, nullptr);
  const auto back = [](const Tensor& from, const Shape& shape) {
    return on_host(from).rows(1, shape.numel()).reshape(shape);
  };
  const Tensor no_bias = expected.y.clone();
  for (std::int64_t i = 0; i < no_bias.numel(); ++i) {
    no_bias.data<double>()[i] -= static_cast<double>(in.bias.data<float>()[i % s.k]);
  }
  check_same_stored(back(y, s.output_shape()), no_bias);
  check_same_stored(back(dx, s.input_shape()), expected.dx);
  check_same_stored(back(dweight, s.weight_shape()), expected.dweight);
}

// Operands of tf32 are off by 2^-11 of themselves at most, so products by 2^-10 and a sum, relative
// to the root of its number of terms, by less.
TEST_CASE_TEMPLATE("tensor-core conv2d: rounding", T, float, bfloat16) {
  if (!has_tensor_cores()) return;
  const Conv2dShape s{.n = 2, .h = 9, .w = 8, .c = 32, .k = 32, .r = 3, .s = 3, .padding = 1};
  const Conv2dInputs in = conv2d_normals(s, dtype_of<T>);
  const Conv2dResults got = computed<T>(s, in, TensorCoreTile::automatic);
  const Conv2dResults expected = conv2d_reference(s, in);
  // In the norm: two roundings to tf32, each uniform in half a unit of 2^-10 at most and so about
  // 2^-11 / sqrt(3) times what is left of it in an average mantissa; the bound is their worst case.
  // With bf16 it is one of the weights and one of the result, alike with 2^-8; gradients of the
  // parameters are sums in f32 of products that are exact.
  const bool tf32 = std::is_same_v<T, float>;
  CHECK_NORM_CLOSE(got.y, expected.y, (tf32 ? 0x1p-11 : 0x1p-8));
  CHECK_NORM_CLOSE(got.dx, expected.dx, (tf32 ? 0x1p-11 : 0x1p-8));
  CHECK_NORM_CLOSE(got.dweight, expected.dweight, (tf32 ? 0x1p-11 : 1e-6));
  CHECK_NORM_CLOSE(got.dbias, expected.dbias, 1e-6);
}

// 1 + 2^-11 lies between two numbers of tf32, and is rounded away from zero where cutting off would
// give 1.
TEST_CASE("tensor-core conv2d: operands are rounded, not cut off") {
  if (!has_tensor_cores()) return;
  const Conv2dShape s{.n = 1, .h = 2, .w = 2, .c = 4, .k = 4, .r = 1, .s = 1};
  const Tensor x = Tensor::empty(s.input_shape(), DType::f32);
  const Tensor weight = Tensor::zeros(s.weight_shape(), DType::f32);
  for (int i = 0; i < 16; ++i) x.data<float>()[i] = 1 + 0x1p-11f;
  for (int k = 0; k < 4; ++k) weight.data<float>()[k * 4 + k] = 1;
  const Conv2dInputs in{x, weight, Tensor::zeros({4}, DType::f32),
                        x, weight, Tensor::zeros({4}, DType::f32)};
  const Conv2dResults got = computed<float>(s, in, TensorCoreTile::automatic);
  for (const float y : got.y.to_vector<float>()) CHECK(y == 1 + 0x1p-10f);
  for (const float dx : got.dx.to_vector<float>()) CHECK(dx == 1 + 0x1p-10f);
}

TEST_CASE_TEMPLATE("tensor-core conv2d: bias and activation in one pass", T, float, bfloat16) {
  if (!has_tensor_cores()) return;
  using Activation = Epilogue::Activation;
  for (const std::int64_t k : {8, 5}) {
    const Conv2dShape s{.n = 1, .h = 5, .w = 7, .c = 8, .k = k, .r = 3, .s = 3, .padding = 1};
    const Conv2dInputs in = conv2d_integers(s, dtype_of<T>);
    const Conv2dResults expected = conv2d_reference(s, in);
    const Tensor x = on_device(in.x), weight = on_device(in.weight), bias = on_device(in.bias);
    for (const auto activation : {Activation::leaky_relu, Activation::silu}) {
      const Tensor y = empty_on_device(s.output_shape(), dtype_of<T>);
      kernels::conv2d_tensor_core_forward<T>(test_stream(), s, x.data<T>(), weight.data<Wide<T>>(),
                                             bias.data<Wide<T>>(), y.data<T>(),
                                             {activation, 0.25f});
      const Tensor wanted = expected.y.clone();
      for (std::int64_t i = 0; i < wanted.numel(); ++i) {
        double& v = wanted.data<double>()[i];
        v = activation == Activation::silu ? v / (1 + std::exp(-v)) : v > 0 ? v : 0.25 * v;
      }
      CHECK_CLOSE(y, wanted, rounding(dtype_of<T>, 1));
    }
  }
}

TEST_CASE("tensor-core conv2d: not-a-number comes through") {
  if (!has_tensor_cores()) return;
  const Conv2dShape s{.n = 1, .h = 1, .w = 3, .c = 4, .k = 4, .r = 1, .s = 1};
  const Tensor x = Tensor::zeros(s.input_shape(), DType::f32);
  x.data<float>()[5] = NAN;
  const Tensor x_there = on_device(x);
  const Tensor weight = on_device(Tensor::zeros(s.weight_shape(), DType::f32));
  const Tensor y = empty_on_device(s.output_shape());
  kernels::conv2d_tensor_core_forward<float>(test_stream(), s, x_there.data<float>(),
                                             weight.data<float>(), nullptr, y.data<float>());
  const auto values = y.to_vector<float>();
  for (std::size_t i = 0; i < 12; ++i) CHECK(std::isnan(values[i]) == (i / 4 == 1));
}

TEST_CASE("tensor-core conv2d is refused where there are none") {
  const Conv2dShape s{.n = 1, .h = 1, .w = 1, .c = 4, .k = 4, .r = 1, .s = 1};
  const std::string error = error_of([&] {
    kernels::conv2d_tensor_core_forward<float>(Stream(), s, nullptr, nullptr, nullptr, nullptr);
  });
  CHECK(error == "conv2d: no tensor cores on cpu");
}
