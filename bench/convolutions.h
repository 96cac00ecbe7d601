// SPDX-License-Identifier: MIT
// Convolutions of the networks here, by every variant the device has and by the vendor's library.
#pragma once

#include <fmt/core.h>

#include <array>
#include <type_traits>

#include "bench/rows.h"
#include "kernels/conv2d/conv2d.h"
#include "kernels/conv2d/conv2d_tensor_core.h"
#include "layers/random.h"

namespace telescope::bench {

using kernels::Backend;
using kernels::Conv2dShape;
using kernels::Conv2dVariant;
using kernels::Precision;
using kernels::TensorCoreTile;

inline std::vector<Conv2dShape> convolution_shapes(bool tiny) {
  const auto square = [&](std::int64_t n, std::int64_t size, std::int64_t c, std::int64_t k,
                          std::int64_t kernel, std::int64_t stride = 1) {
    if (tiny) n = 1, size = std::min<std::int64_t>(size, 8);
    return Conv2dShape{n, size, size, c, k, kernel, kernel, stride, kernel / 2};
  };
  if (tiny) return {square(1, 8, 32, 32, 3), square(1, 8, 3, 32, 3), square(1, 8, 32, 32, 3, 2)};
  return {square(16, 128, 128, 128, 3),  // ResNet on mesh 0 to 3, batches doubling
          square(32, 64, 128, 128, 3),  square(64, 32, 128, 128, 3),
          square(128, 16, 128, 128, 3), square(16, 128, 3, 128, 1),
          square(16, 128, 128, 3, 1),  // its first and last
          square(16, 128, 32, 32, 3),  // UNet, mesh by mesh
          square(16, 64, 64, 64, 3),    square(16, 32, 128, 128, 3),
          square(16, 128, 3, 32, 3),    square(16, 128, 32, 32, 3, 2),
          square(16, 128, 64, 64, 3),   square(16, 128, 3, 64, 5),  // SRNet
          square(16, 128, 64, 32, 3)};
}

struct ConvolutionArrays {
  Tensor x, weight, bias, dy, y, dx, dweight, dbias;
  ConvolutionArrays to(DType dtype, const Device& device) const {
    const auto image = [&](const Tensor& t) { return t.to(dtype).to(device); };
    const auto parameter = [&](const Tensor& t) { return t.to(wide(dtype)).to(device); };
    return {image(x),
            parameter(weight),
            parameter(bias),
            image(dy),
            image(y).clone(),
            image(dx).clone(),
            parameter(dweight).clone(),
            parameter(dbias).clone()};
  }
};

// One convolution in storage type T on the device, and what the CPU makes of the same numbers in f32.
template <class T>
struct Convolution {
  Conv2dShape shape;
  ConvolutionArrays there, expected;

  Convolution(const Conv2dShape& s, const Device& device) : shape(s) {
    const auto random = [](const Shape& extents, std::uint64_t seed) {
      return random_normal(extents, {seed, "bench"}).to(dtype_of<T>);
    };
    const auto zeros = [](const Shape& extents) { return Tensor::zeros(extents, dtype_of<T>); };
    const ConvolutionArrays here{random(s.input_shape(), 1), random(s.weight_shape(), 2),
                                 random({s.k}, 3),           random(s.output_shape(), 4),
                                 zeros(s.output_shape()),    zeros(s.input_shape()),
                                 zeros(s.weight_shape()),    zeros({s.k})};
    there = here.to(dtype_of<T>, device);
    expected = here.to(DType::f32, Device{});
    for (int direction = 0; direction < 3; ++direction) {
      run<float>(Stream(), expected, direction, Conv2dVariant::automatic);
    }
  }

  template <class U>
  void run(const Stream& stream, const ConvolutionArrays& a, int direction, Conv2dVariant variant,
           Backend by = Backend::native) const {
    const U *x = a.x.data<U>(), *dy = a.dy.data<U>();
    const auto* weight = a.weight.data<Wide<U>>();
    if (direction == 0) {
      kernels::conv2d_forward(stream, shape, x, weight, {.bias = a.bias.data<Wide<U>>()},
                              a.y.data<U>(), variant, by);
    } else if (direction == 1) {
      kernels::conv2d_input_gradient(stream, shape, dy, weight, false, a.dx.data<U>(), variant, by);
    } else {
      kernels::conv2d_weight_gradient(stream, shape, x, dy, a.dweight.data<Wide<U>>(),
                                      a.dbias.data<Wide<U>>(), variant);
    }
  }
  void run_tensor_cores(const Stream& stream, int direction, TensorCoreTile tile) const {
    const ConvolutionArrays& a = there;
    const T *x = a.x.data<T>(), *dy = a.dy.data<T>();
    const float* weight = a.weight.data<float>();
    if (direction == 0) {
      kernels::conv2d_tensor_core_forward(stream, shape, x, weight, a.bias.data<Wide<T>>(),
                                          a.y.data<T>(), {}, tile);
    } else if (direction == 1) {
      kernels::conv2d_tensor_core_input_gradient(stream, shape, dy, weight, a.dx.data<T>(), tile);
    } else {
      kernels::conv2d_tensor_core_weight_gradient(stream, shape, x, dy, a.dweight.data<Wide<T>>(),
                                                  a.dbias.data<Wide<T>>(), tile);
    }
  }
  const Tensor& result(const ConvolutionArrays& a, int direction) const {
    return direction == 0 ? a.y : direction == 1 ? a.dx : a.dweight;
  }
};

inline constexpr std::array<const char*, 3> directions = {"forward", "input_gradient",
                                                          "weight_gradient"};

struct NamedTile {
  TensorCoreTile tile;
  const char* name;
};
inline constexpr std::array<NamedTile, 10> tiles = {{{TensorCoreTile::automatic, "automatic"},
                                                     {TensorCoreTile::halo_n128, "halo_n128"},
                                                     {TensorCoreTile::halo_n64, "halo_n64"},
                                                     {TensorCoreTile::halo_n32, "halo_n32"},
                                                     {TensorCoreTile::m128n128, "m128n128"},
                                                     {TensorCoreTile::m128n64, "m128n64"},
                                                     {TensorCoreTile::m128n32, "m128n32"},
                                                     {TensorCoreTile::m64n64, "m64n64"},
                                                     {TensorCoreTile::m64n128, "m64n128"},
                                                     {TensorCoreTile::m32n128, "m32n128"}}};

template <class T>
void bench_convolution(const Settings& settings, Rows& rows, const Conv2dShape& s) {
  const Stream stream = Stream::current(settings.device);
  const Convolution<T> work(s, settings.device);
  const std::string shape = fmt::format("{}x{}_{}to{}_on_{}x{}_batch_{}{}", s.r, s.s, s.c, s.k, s.h,
                                        s.w, s.n, s.stride > 1 ? "_stride_2" : "");
  for (int direction = 0; direction < 3; ++direction) {
    const Tensor& got = work.result(work.there, direction);
    const Tensor& expected = work.result(work.expected, direction);
    const auto add = [&](const std::string& contender, Precision precision, const auto& f) {
      const std::int64_t bytes = s.bytes<T>();
      rows.add({"conv2d",
                directions[static_cast<std::size_t>(direction)],
                shape,
                contender,
                {s.flop(), bytes}},
               tolerance_of(precision), f, [&] { return relative_error(got, expected); });
      got.fill_zero();  // the weights' gradients accumulate
    };
    for (const auto& known : kernels::conv2d_variants()) {
      const bool rounds = std::is_same_v<T, bfloat16> ||
                          known.variant == Conv2dVariant::tensor_core ||
                          known.variant == Conv2dVariant::automatic;
      if (!kernels::runs_on(known.variant, settings.device)) continue;
      if (known.variant == Conv2dVariant::tensor_core && settings.precision == Precision::fp32) {
        continue;
      }
      add(std::string(known.name), rounds ? settings.precision : Precision::fp32,
          [&] { work.template run<T>(stream, work.there, direction, known.variant); });
    }
    if (std::is_same_v<T, float> && kernels::vendor_available("conv2d", settings.device)) {
      add("vendor", settings.precision, [&] {
        work.template run<T>(stream, work.there, direction, Conv2dVariant::automatic,
                             Backend::vendor);
      });
    }
    if (!settings.tiles || settings.device.is_cpu()) continue;
    for (const NamedTile& tile : tiles) {
      add(fmt::format("tensor_core/{}", tile.name), settings.precision,
          [&] { work.run_tensor_cores(stream, direction, tile.tile); });
    }
  }
}

/// bf16 is storage: images are then bf16 on a device, else f32.
inline void bench_convolutions(const Settings& settings, Rows& rows) {
  for (const Conv2dShape& shape : convolution_shapes(settings.tiny)) {
    if (kernels::activation_type(DType::f32, settings.device) == DType::bf16) {
      bench_convolution<bfloat16>(settings, rows, shape);
    } else {
      bench_convolution<float>(settings, rows, shape);
    }
  }
}

}  // namespace telescope::bench
